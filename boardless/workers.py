"""Workers of one machine: this process, or several of them; a worker that dies costs its tasks nothing but time."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool

from boardless.points import Answer, Task, evaluate, failed_answer

#: Tasks in flight per worker.
AHEAD = 3
#: Workers that may die under one task, run alone, before it is given up.
DEATHS = 2


class Here:
    """This process."""

    size = 1

    def answers(self, tasks: Iterator[Task]) -> Iterator[Answer]:
        """The answers, one after the other."""
        for task in tasks:
            yield evaluate(task)

    def close(self) -> None:
        """Nothing is held."""


class Processes:
    """Several processes of this machine.

    Parameters
    ----------
    size : int
        Number of processes.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._pool = self._started()

    def _started(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self.size, mp_context=multiprocessing.get_context("spawn"), initializer=_ignore_interrupts)

    def answers(self, tasks: Iterator[Task]) -> Iterator[Answer]:
        """The answers, in the order in which they come; tasks whose worker died are run again, one at a time."""
        waiting: dict[Future[Answer], Task] = {}
        while True:
            try:
                self._hand_out(tasks, waiting)
                if not waiting:
                    return
                done, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in [future for future in waiting if future in done]:
                    answer = future.result()
                    del waiting[future]
                    yield answer
            except BrokenProcessPool:
                suspects = list(waiting.values())
                waiting.clear()
                yield from self._alone(suspects)

    def _hand_out(self, tasks: Iterator[Task], waiting: dict[Future[Answer], Task]) -> None:
        while len(waiting) < AHEAD * self.size and (task := next(tasks, None)) is not None:
            try:
                waiting[self._pool.submit(evaluate, task)] = task
            except BrokenProcessPool:
                waiting[Future()] = task
                raise

    def _alone(self, suspects: list[Task]) -> Iterator[Answer]:
        """The tasks that were under way when a worker died, one at a time: the one that kills its worker is found and given up."""
        self._restart()
        for task in suspects:
            for _ in range(DEATHS):
                try:
                    yield self._pool.submit(evaluate, task).result()
                    break
                except BrokenProcessPool:
                    self._restart()
            else:
                yield failed_answer(task, "worker: the process died under this point; enough memory is expected")

    def _restart(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = self._started()

    def close(self) -> None:
        """Stop the processes; what is still under way is dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def _ignore_interrupts() -> None:
    """Leave the interrupt of a terminal to the process that hands out the work."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
