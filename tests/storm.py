"""kill -9 on two replicas, again and again, under orders that keep coming: `python -m tests.storm`.

What can be promised, and is held here: of every order the gateway hears at most once, whatever is
killed; every job comes to its right end; and no order is lost, since the proxy says of each what became
of it. The client here does what a careful one does:

- it sends every order under an Idempotency-Key of its own, and again, at either replica, until one has
  taken it: a proxy that died has answered nothing;
- a job that failed as `submission_lost` was certainly not sent, and its key is free: it is ordered anew
  under the same key;
- one that failed as `submission_ambiguous` may have been heard. The proxy cannot know, and never sends
  it again; the client looks at the gateway's own list, as an operator would. Mostly it is there, and was
  heard once. A kill in the instant between the job's mark and the request's last byte leaves one that
  is not: that alone is ordered again, under another key.

So two hundred orders end with exactly two hundred submits in the gateway's log, one of each.
"""

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from proxy.sandbox import Sandbox, in_thread
from proxy.sandbox.core import Double
from tests.harness import ProxyProcess, config_for, merged
from tests.valkey import RedisServer

_AGAIN = 0.05  # seconds between a client's tries and looks
_LAST = 10.0  # seconds for jobs to end that no order waits for
_PATIENCE = 120.0  # seconds for an order to end in


@dataclass(frozen=True)
class Report:
    """How it ended. `ends`: how many orders by their job's status or error; `reordered`: jobs that were
    ordered anew; `submits`: how often the gateway heard of each order; `overlaps`: polls of a task that
    was being polled; `unfinished`: jobs that nobody waits for, and that never came to an end."""

    orders: int
    kills: int
    seconds: float
    ends: Mapping[str, int]
    reordered: Mapping[str, int]
    submits: Mapping[str, int]
    overlaps: int
    unfinished: int

    def right(self) -> bool:
        """Exactly one submit an order, every job at an end that says what is true, one poll at a time."""
        once = len(self.submits) == self.orders and set(self.submits.values()) == {1}
        ends = self.ends.keys() <= {"completed", "submission_ambiguous"}
        all_ended = sum(self.ends.values()) == self.orders and not self.unfinished
        return once and ends and all_ended and not self.overlaps

    def __str__(self) -> str:
        heard = sum(self.submits.values())
        most = max(self.submits.values(), default=0)
        return (
            f"{self.orders} orders, {self.kills} kills in {self.seconds:.1f} s: {dict(self.ends)}; "
            f"{heard} submits, {most} of one order at most; ordered anew: {dict(self.reordered)}; "
            f"{self.overlaps} polls at once, {self.unfinished} jobs unfinished"
        )


class Storm:
    """Two replicas in front of one double of a gateway; `config` names their store."""

    def __init__(self, double: Double, config: Mapping[str, Any], folder: Path, seed: int = 0):
        self._double = double
        self._chance = random.Random(seed)
        made = merged(config, {"jobs": {"lease": 1, "timeout": _PATIENCE}})
        self._replicas = []
        for name in ("one", "other"):
            (folder / name).mkdir()
            self._replicas.append(ProxyProcess(folder / name, made))
        self._reordered: Counter[str] = Counter()

    def run(self, *, jobs: int, kills: int) -> Report:
        """So many orders, while each replica is killed and started again so many times."""
        self._double.ready_after_polls = 3
        self._double.fault("submit", match=self._one_in(2), times=None, late=0.1)
        self._double.fault("submit", match=self._one_in(4), times=None, delay=0.05)
        began = time.monotonic()
        one, other = self._replicas
        with one, other:
            ends, unfinished = asyncio.run(self._orders(jobs, kills))
        return Report(
            orders=jobs,
            kills=2 * kills,
            seconds=time.monotonic() - began,
            ends=Counter(ends),
            reordered=self._reordered,
            submits=Counter(seen.body["prompt"] for seen in self._double.submits),
            overlaps=sum(self._overlaps(task) for task in self._double.tasks),
            unfinished=unfinished,
        )

    async def _orders(self, jobs: int, kills: int) -> tuple[list[str], int]:
        """A few orders with every kill: it comes while they are on their way. Their ends, and how many
        other jobs have none."""
        victims = [*self._replicas] * kills
        self._chance.shuffle(victims)
        restarts: dict[int, asyncio.Task[None]] = {}
        orders: list[asyncio.Task[str]] = []
        async with httpx.AsyncClient(timeout=10, trust_env=False) as http:
            for number, victim in enumerate(victims):
                if (under_way := restarts.get(id(victim))) is not None:
                    await under_way
                while len(orders) < jobs * (number + 1) // len(victims):
                    orders.append(asyncio.create_task(self._order(http, len(orders))))
                await asyncio.sleep(self._chance.uniform(0.0, 0.3))
                restart = asyncio.to_thread(self._killed, victim)
                restarts[id(victim)] = asyncio.create_task(restart)
            await asyncio.gather(*restarts.values())
            ends = await asyncio.gather(*orders)
            for _ in range(round(_LAST / _AGAIN)):
                if not (left := await self._unfinished(http)):
                    break
                await asyncio.sleep(_AGAIN)
            return ends, left

    async def _unfinished(self, http: httpx.AsyncClient) -> int:
        """Jobs of a replica that died before it told anybody."""
        found = 0
        for status in ("queued", "in_progress"):
            answer = await self._asked(http, "GET", "/v1/jobs", params={"status": status})
            assert answer is not None, "nobody is killed any more"
            found += len(answer.json()["data"])
        return found

    def _killed(self, replica: ProxyProcess) -> None:
        replica.kill()
        replica.start()

    async def _order(self, http: httpx.AsyncClient, number: int) -> str:
        """The status of an order's job at its end, or the code of its error."""
        prompt, key = f"order {number}", f"order-{number}"
        async with asyncio.timeout(_PATIENCE):
            while True:
                job = await self._ended(http, await self._taken(http, prompt, key))
                code = (job["error"] or {}).get("code", job["status"])
                if code == "submission_ambiguous" and not self._heard(prompt):
                    key += "-again"
                elif code != "submission_lost":
                    return str(code)
                self._reordered[code] += 1

    async def _taken(self, http: httpx.AsyncClient, prompt: str, key: str) -> str:
        """The id of an order's job, as soon as a replica tells one."""
        order = {"model": "sora-2", "prompt": prompt}
        while True:
            answer = await self._asked(http, "POST", "/v1/jobs/video", key, json=order)
            job = answer and answer.headers.get("x-anygate-job")  # a failed one's is told as well
            if job:
                return str(job)
            await asyncio.sleep(_AGAIN)

    async def _ended(self, http: httpx.AsyncClient, job: str) -> dict[str, Any]:
        while True:
            answer = await self._asked(http, "GET", f"/v1/jobs/{job}")
            if answer is not None and answer.status_code == 200:
                found: dict[str, Any] = answer.json()
                if found["status"] in ("completed", "failed"):
                    return found
            await asyncio.sleep(_AGAIN * 4)

    async def _asked(
        self, http: httpx.AsyncClient, method: str, path: str, key: str = "", **more: Any
    ) -> httpx.Response | None:
        """The answer of one of the replicas, None where it has died."""
        replica = self._chance.choice(self._replicas)
        assert replica.proxy is not None
        headers = {"idempotency-key": key} if key else {}
        try:
            return await http.request(method, replica.proxy.url + path, headers=headers, **more)
        except httpx.TransportError:
            return None

    def _heard(self, prompt: str) -> bool:
        return any(seen.body["prompt"] == prompt for seen in self._double.submits)

    def _one_in(self, number: int) -> Any:
        return lambda seen: self._chance.randrange(number) == 0

    def _overlaps(self, task: str) -> int:
        """Polls that began before the last one's end; a dead replica's have no end of their own."""
        polls = [seen for seen in self._double.polls(task) if not seen.disconnected]
        return sum(one.ended is None or later.at < one.ended for one, later in pairwise(polls))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--kills", type=int, default=10, help="of each replica")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    given = parser.parse_args()
    with TemporaryDirectory(prefix="anygate") as name, in_thread() as gateways:
        report = _stormed(gateways, Path(name), given)
    print(f"seed {given.seed}: {report}")
    sys.exit(0 if report.right() else 1)


def _stormed(gateways: Sandbox, folder: Path, given: argparse.Namespace) -> Report:
    server = RedisServer(folder, tcp=True)
    try:
        config = config_for(gateways, store=server.url)
        storm = Storm(gateways["onysoft"], config, folder, given.seed)
        return storm.run(jobs=given.jobs, kills=given.kills)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
