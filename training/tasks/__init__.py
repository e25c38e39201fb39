"""What is learned: where batches come from, what they cost, and how the network is measured on what is held out."""
