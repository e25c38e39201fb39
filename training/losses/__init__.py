"""What a prediction costs: the paper's six losses, those of labelled crops, and their weighted sums."""
