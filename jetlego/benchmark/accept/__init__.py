"""Learning tasks with known answers, one or more for every brick and loss (``jetlego accept``)."""

from __future__ import annotations

from jetlego.benchmark.accept.gate import Gate
from jetlego.benchmark.accept.registry import Task, find_task, find_tasks, task, tasks
from jetlego.benchmark.accept.results import AcceptResult
from jetlego.benchmark.accept.runner import run, run_task

__all__ = ["AcceptResult", "Gate", "Task", "find_task", "find_tasks", "run", "run_task", "task", "tasks"]
