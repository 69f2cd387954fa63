"""From a trained network to verified .tflite files with a model card."""
