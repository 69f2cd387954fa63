"""What ships beside a .tflite file: metadata inside it, labels, a runnable example, snippets, checksums."""
