"""Learning tasks with known answers, one or more for every brick and loss (``jetlego accept``)."""

from __future__ import annotations

from jetlego.benchmark.accept.gate import Gate
from jetlego.benchmark.accept.registry import Task, find_task, task, tasks
from jetlego.benchmark.accept.runner import AcceptResult, run, run_task

__all__ = ["AcceptResult", "Gate", "Task", "find_task", "run", "run_task", "task", "tasks"]
