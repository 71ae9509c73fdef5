"""PyTorch models: programs of `torch.export` and TorchScript."""
