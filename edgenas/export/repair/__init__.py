"""Mends int8 files whose metrics drop too far: one module per step, one loop that keeps what helps."""
