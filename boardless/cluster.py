"""Points of a space on an existing dask cluster: the one importer of the distributed engine.

The scheduler runs a task again when the worker it was on has died; an answer is taken once, when its future is done.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from boardless.errors import UsageError
from boardless.points import Answer, Task, evaluate, failed_answer

#: A scheduler that has not answered by then does not [s].
PATIENCE_S = 10
#: Tasks in flight per worker of the cluster.
AHEAD = 4
#: Workers that may die under one task before it is given up.
DEATHS = 3


class Cluster:
    """Workers of a dask cluster.

    Raises
    ------
    UsageError
        The library is not installed, or no scheduler answers within ten seconds.
    """

    def __init__(self, address: str) -> None:
        try:
            import dask
            from distributed import Client
        except ImportError:
            raise UsageError(
                "--scheduler: the library for clusters is not installed; dask's distributed is expected; pip install 'boardless[cluster]'"
            ) from None
        try:
            with dask.config.set({"distributed.comm.timeouts.connect": f"{PATIENCE_S}s"}):
                self.client: Any = Client(address, timeout=f"{PATIENCE_S}s", set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            said = str(error).split("\n")[0] or type(error).__name__
            raise UsageError(
                f"--scheduler: '{address}' does not answer ({said[:120]}); the address of a running scheduler is expected, e.g. "
                "tcp://host:8786; start one with `dask scheduler`"
            ) from None

    @property
    def size(self) -> int:
        """Threads of all workers, at least 1."""
        return max(1, sum(self.client.nthreads().values()))

    def answers(self, tasks: Iterator[Task]) -> Iterator[Answer]:
        """The answers, in the order in which they come."""
        from distributed import as_completed

        waiting: dict[Any, Task] = {}
        done = as_completed(loop=self.client.loop)
        for task in tasks:
            self._submit(task, waiting, done)
            if len(waiting) >= AHEAD * self.size:
                break
        for future in done:
            task = waiting.pop(future)
            yield self._answer(future, task)
            following = next(tasks, None)
            if following is not None:
                self._submit(following, waiting, done)

    def _submit(self, task: Task, waiting: dict[Any, Task], done: Any) -> None:
        future = self.client.submit(evaluate, task, pure=False, retries=DEATHS)
        waiting[future] = task
        done.add(future)

    @staticmethod
    def _answer(future: Any, task: Task) -> Answer:
        try:
            answer: Answer = future.result()
        except Exception as error:  # the engine's own: the worker died under it too often, or could not read the task
            answer = failed_answer(task, f"worker: {type(error).__name__}: {' '.join(str(error).split())[:200]}")
        return answer

    def close(self) -> None:
        """Let go of the cluster; what is still under way there is dropped."""
        self.client.close()
