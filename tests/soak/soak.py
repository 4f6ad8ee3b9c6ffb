"""A proxy under mixed load, its gateways in trouble; and whether it is, afterwards, what it was before.

`make soak`, or `SOAK_SECONDS=60 make soak`: ten minutes otherwise.
"""

import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from proxy.sandbox import Sandbox, Seen, in_thread
from proxy.sandbox.steering import TIMING
from tests.eventually import eventually
from tests.harness import Proxy, ProxyProcess, config_for
from tests.processes import stored
from tests.soak import books, trouble
from tests.soak.held import Held, Watch
from tests.soak.ledger import Ledger
from tests.soak.load import Client

CLIENTS = 12
_SERVED = Path(__file__).with_name("served.py")


class Served(ProxyProcess):
    """A proxy process that tells what it holds."""

    entry = (str(_SERVED),)


@dataclass
class Report:
    """What a soak found. `problems`: in words; none is what everybody wants."""

    seconds: float
    before: Held
    after: Held
    growth: float
    slope: float
    ledger: Ledger
    jobs: int = 0
    spent: float = 0.0
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        done = ", ".join(f"{name} {many}" for name, many in sorted(self.ledger.done.items()))
        lines = [
            f"{self.seconds:.0f} s, {sum(self.ledger.done.values())} pieces of work: {done}",
            f"jobs: {self.jobs}, which cost ${self.spent:.3f}",
            f"memory: {self.before.memory:.1f} MB before, {self.after.memory:.1f} MB after; "
            f"{self.growth:+.1f} MB after the warm-up, {self.slope:+.2f} MB a minute",
            f"files: {self.before.files} before, {self.after.files} after",
            f"tasks: {self.before.running} before, {self.after.running} after",
            *(f"PROBLEM {one}" for one in self.problems[:50]),
            f"{len(self.problems)} problems",
        ]
        return "\n".join(lines)


def soak(folder: Path, seconds: float, *, grows: float, seed: int = 1) -> Report:
    """Load for so many seconds, then everything to its end. `grows`: MB that are allowed after the warm-up."""
    os.environ["SOAK_TOLD"] = str(folder / "held.json")
    with in_thread(timing=dict.fromkeys(TIMING, 0.1) | {"chat": 0.005}) as sandbox:
        running = Served(folder, _config(sandbox))
        with running as proxy:
            assert running.process is not None
            watch = Watch(running.process.pid, folder / "held.json")
            report, submits = _soaked(proxy, sandbox, watch, seconds, seed)
            if (code := running.stop()) not in (0, -signal.SIGTERM):
                report.problems.append(f"it ended with {code}")
        jobs = stored(folder)
        report.jobs = len(jobs)
        report.problems += books.audited(jobs, sandbox, submits, report.ledger)
        costs = round(sum(job.cost or 0.0 for job in jobs if job.kind != "chat"), 4)
        if costs != report.spent:
            report.problems.append(f"the usage is ${report.spent}, the jobs cost ${costs}")
    report.problems += report.ledger.strange
    if report.growth > grows:
        report.problems.append(f"memory grew by {report.growth:.1f} MB")
    return report


def _soaked(
    proxy: Proxy, sandbox: Sandbox, watch: Watch, seconds: float, seed: int
) -> tuple[Report, list[Seen]]:
    ledger, submits = Ledger(), list[Seen]()
    asyncio.run(_load(proxy, ledger, seconds=1.0, each=lambda at: None, seed=seed))
    before = _settled(proxy, watch, lambda held: True)
    trouble.unleash(sandbox, seed)

    def each(at: float) -> None:
        watch.sample(at)
        _drain(sandbox, submits)
        random.choice(list(sandbox.doubles.values())).fail_next("It did not work out.")

    asyncio.run(_load(proxy, ledger, seconds=seconds, each=each, seed=seed + 1))
    for double in sandbox.doubles.values():
        double.clear()
    after = _settled(proxy, watch, lambda held: _as_before(before, held))
    _drain(sandbox, submits)
    growth, slope = watch.growth(seconds / 4)
    report = Report(seconds, before, after, growth, slope, ledger, spent=_usage(proxy))
    if not _as_before(before, after):
        report.problems.append(f"it holds more than before: {after}, {before}")
    return report, submits


async def _load(
    proxy: Proxy, ledger: Ledger, *, seconds: float, each: Callable[[float], None], seed: int
) -> None:
    """Clients at work; `each` is called every quarter of a second with the seconds since the beginning."""
    begun = time.monotonic()

    def over() -> bool:
        return time.monotonic() - begun > seconds

    async with proxy.async_http() as http:
        clients = [Client(http, ledger, f"{seed}-{number}") for number in range(CLIENTS)]
        work = [asyncio.create_task(one.run(over)) for one in clients]
        while not over():
            await asyncio.sleep(0.25)
            each(time.monotonic() - begun)
        await asyncio.gather(*work)


def _settled(proxy: Proxy, watch: Watch, good: Callable[[Held], bool]) -> Held:
    """What it holds once no job goes on and `good` is so, or after a minute without."""
    with proxy.http() as http:
        eventually(lambda: "\nanygate_jobs{" not in http.get("/metrics").text, timeout=60)
    try:
        eventually(lambda: good(watch.look()), timeout=60)
    except AssertionError:
        pass  # the report says what it holds
    return watch.look()


def _as_before(before: Held, after: Held) -> bool:
    # Kept connections come and go: to five gateways, and the store's own files.
    return after.files <= before.files + 10 and after.running <= before.running + 1


def _drain(sandbox: Sandbox, submits: list[Seen]) -> None:
    """Take over what the doubles' logs hold: they forget the oldest."""
    for double in sandbox.doubles.values():
        seen = tuple(double.log)
        del double.log[: len(seen)]
        submits += (one for one in seen if one.kind == "submit")


def _usage(proxy: Proxy) -> float:
    with proxy.http() as http:
        rows = http.get("/v1/usage?by=kind").json()["data"]
    # Chat that passes through has its costs, too, and is no job.
    return round(sum(row["cost_usd"] or 0.0 for row in rows if row["kind"] != "chat"), 4)


def _config(sandbox: Sandbox) -> dict[str, Any]:
    timeout = {"connect": 2, "read": trouble.READ}
    providers: dict[str, Any] = {
        name.replace(".", "-"): {"timeout": timeout} for name in sandbox.doubles
    }
    providers["apiin-one"]["usd_per_credit"] = 0.005
    models = {
        "either": ["onysoft/sora-2", "apiin-one/kling-3"],
        "images-openai": "openai/dall-e-3",
        "voice": "ai-gate-one/voice",
        "eleven": "apiin-one/elevenlabs-v3",
    }
    jobs = {"timeout": 120, "poll_max": 0.5}
    return config_for(sandbox, providers=providers, models=models, jobs=jobs, media={"keep": True})


def main() -> int:
    seconds = float(os.environ.get("SOAK_SECONDS") or 600)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        report = soak(Path(folder), seconds, grows=12.0 if seconds >= 120 else 40.0)
        print(report)
        if report.problems:
            print((Path(folder) / "proxy.log").read_text()[-4000:])
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
