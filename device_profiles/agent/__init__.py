"""The program that measures: on this machine, and on a board, to which this folder is sent as one file.

It needs nothing of edgenas: Python 3.7, and for measuring NumPy and tflite_runtime or ai_edge_litert. Its modules
import each other by relative names, because on the board they are called otherwise (`bundle` in `ssh_connection`).
"""
