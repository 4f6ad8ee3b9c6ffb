"""What the clients of a soak asked for and what they were told."""

import itertools
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Asked:
    """One piece of work. `tasks`: how many the gateway may be asked for; `jobs`: ids that answers named."""

    kind: str
    tasks: int = 1
    jobs: set[str] = field(default_factory=set)


@dataclass
class Ledger:
    """`asked`: by the tag in the prompt; `strange`: what no client should ever see."""

    asked: dict[str, Asked] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)
    strange: list[str] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def tag(self, kind: str, tasks: int = 1) -> str:
        """A prompt that is like no other."""
        tag = f"soak-{next(self._numbers)}."
        self.asked[tag] = Asked(kind, tasks)
        return tag
