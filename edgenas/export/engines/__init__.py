"""Engines: from a Keras model to a .tflite file in one of several formats."""
