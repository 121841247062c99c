"""leantune: the cheapest adaptation of a pretrained model that is as good as full fine-tuning, with the evidence."""

__version__ = "0.1.0"
