"""The reference evaluator: embeddings of images, measurements over them, a page that shows what came out."""
