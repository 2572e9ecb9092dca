"""Images and embeddings: what there is to measure."""
