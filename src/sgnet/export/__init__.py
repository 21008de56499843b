"""The step of a frame as one graph, for onnxruntime or torch.export, and with 8 bits."""
