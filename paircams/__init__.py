"""PairCams: one scene, two cameras."""
