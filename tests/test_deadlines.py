"""Time limits that share one timer."""

import asyncio

import pytest

from proxy.deadlines import Deadlines, Times

LONG, SHORT = 30.0, 0.01


@pytest.fixture
async def deadlines() -> Deadlines:
    return Deadlines()


async def given() -> str:
    return "done"


async def test_what_is_done_in_time_is_given(deadlines: Deadlines) -> None:
    assert await deadlines.within(LONG, given()) == "done"


async def test_what_takes_too_long_is_cancelled_and_its_task_goes_on(deadlines: Deadlines) -> None:
    ended: list[str] = []

    async def slow() -> None:
        try:
            await asyncio.sleep(LONG)
        finally:
            ended.append("slow")

    async def asks() -> str:
        with pytest.raises(TimeoutError):
            await deadlines.within(SHORT, slow())
        task = asyncio.current_task()
        assert task is not None and not task.cancelling()
        return await deadlines.within(LONG, given())

    assert await asyncio.create_task(asks()) == "done"
    assert ended == ["slow"]


async def test_who_cancels_the_task_itself_is_no_timeout(deadlines: Deadlines) -> None:
    task = asyncio.create_task(deadlines.within(LONG, asyncio.sleep(LONG)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_work_raises_is_raised(deadlines: Deadlines) -> None:
    async def broken() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await deadlines.within(LONG, broken())


async def test_one_that_has_less_time_does_not_wait_for_another(deadlines: Deadlines) -> None:
    other = asyncio.create_task(deadlines.within(LONG, asyncio.sleep(LONG)))
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        await deadlines.within(SHORT, asyncio.sleep(LONG))
    assert not other.done()
    other.cancel()


async def test_each_has_its_own_time(deadlines: Deadlines) -> None:
    """The timer comes again for those that are left."""
    times = [SHORT, 3 * SHORT, 2 * SHORT]
    late = [deadlines.within(one, asyncio.sleep(LONG)) for one in times]
    ended = await asyncio.gather(*late, return_exceptions=True)
    assert [type(one) for one in ended] == [TimeoutError] * 3


async def test_however_many_end_in_a_moment_few_ticks_go_through_them() -> None:
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    ticks: list[float] = []

    def told(number: int) -> None:
        ticks.append(loop.time())
        if len(ticks) == 200:
            over.set()

    times: Times[int] = Times(told)
    for number in range(200):
        times.begin(number, 0.001 + number / 2000)
    began = loop.time()
    await over.wait()
    rounds = {round(at * 1000) for at in ticks}
    assert len(rounds) <= 2 + 2 * (loop.time() - began) / 0.02  # two milliseconds at most for each
