"""A run or a training as a page to step through, in one file that needs nothing else."""

from chainrule.page.moments import page_of_training
from chainrule.page.page import Page, page_of_run

__all__ = ["Page", "page_of_run", "page_of_training"]
