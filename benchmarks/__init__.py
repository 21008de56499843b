"""Latency, memory and work of this network beside what people would use instead."""
