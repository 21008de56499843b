"""Looks a whole data set over: what it holds, and everything that is wrong with it."""

from sgnet.data_check.check import Check, check_data
from sgnet.data_check.repair import write_repaired
from sgnet.data_check.report import write_report

__all__ = ["Check", "check_data", "write_repaired", "write_report"]
