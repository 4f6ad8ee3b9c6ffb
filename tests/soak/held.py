"""What a proxy holds: memory, file descriptors, tasks of its event loop."""

import json
import os
import signal
import statistics
from dataclasses import dataclass, field
from pathlib import Path

from tests.eventually import eventually


@dataclass(frozen=True)
class Held:
    """`memory` in MB, `files` open, `tasks` by their coroutine's name."""

    memory: float
    files: int
    tasks: dict[str, int]

    @property
    def running(self) -> int:
        return sum(self.tasks.values())


@dataclass
class Watch:
    """A process under watch. `told`: the file that it writes on SIGUSR1 (tests/soak/served.py)."""

    pid: int
    told: Path
    memory: list[tuple[float, float]] = field(default_factory=list)  # seconds, MB

    def sample(self, at: float) -> None:
        self.memory.append((at, self.resident()))

    def resident(self) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(one for one in status.splitlines() if one.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024

    def look(self) -> Held:
        self.told.unlink(missing_ok=True)
        os.kill(self.pid, signal.SIGUSR1)
        eventually(self.told.exists)
        tasks = json.loads(self.told.read_text())["tasks"]
        return Held(self.resident(), len(list(Path(f"/proc/{self.pid}/fd").iterdir())), tasks)

    def growth(self, warm: float) -> tuple[float, float]:
        """MB between the first and the last third after `warm` seconds, by their medians, and MB a minute."""
        later = [one for one in self.memory if one[0] >= warm]
        third = max(1, len(later) // 3)
        first, last = (
            statistics.median(mb for _, mb in part) for part in (later[:third], later[-third:])
        )
        return last - first, statistics.linear_regression(*zip(*later, strict=True)).slope * 60
