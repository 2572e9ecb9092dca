"""What is worked out from the records of all encoders: sensitivity, headlines, a comparison of two runs."""
