"""What is worked out from the records of all encoders: the answer, sensitivity, a comparison of two runs."""
