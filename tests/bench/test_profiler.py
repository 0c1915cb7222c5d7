"""What samples of stacks say: whose code was at work, and for which function of ours."""

from bench.profiler.profiler import by_thread
from bench.profiler.samples import own_time, read, with_what_they_call

RAW = """\
process 7:"python worker.py";main (worker.py:9);run (asyncio/runners.py:1);dumps (json.py:5) 60
process 7:"python worker.py";main (worker.py:9);pay (workflows/order.py);call (temporalio/w.py) 30
process 7:"python worker.py";main (worker.py:9);pay (workflows/order.py);pay (workflows/order.py) 10
process 7:"python worker.py" 99
"""


def test_own_time_is_the_innermost_frames() -> None:
    """A package that only calls another has none."""
    assert own_time(read(RAW)) == ["json 60 %", "temporalio 30 %", "workflows 10 %"]


def test_a_function_of_ours_has_the_time_of_what_it_calls() -> None:
    """Once for each sample, also where it calls itself; libraries' functions are left out."""
    assert with_what_they_call(read(RAW)) == [
        "main (worker.py:9) 100 %",
        "pay (workflows/order.py) 40 %",
    ]


def test_nothing_seen_says_nothing() -> None:
    """A process that was idle has no samples."""
    assert own_time(read("")) == []


def test_threads_of_one_name_are_added_up() -> None:
    """Those that began meanwhile count whole; what is under one in a hundred is left out."""
    before = {1: ("python", 5.0), 2: ("tokio", 1.0)}
    after = {1: ("python", 8.0), 2: ("tokio", 1.5), 3: ("tokio", 0.49), 4: ("rare", 0.01)}
    assert by_thread(before, after) == ["python 75 %", "tokio 25 %"]
