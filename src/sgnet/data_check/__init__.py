"""Looks a whole data set over: what it holds, and everything that is wrong with it."""
