"""The class's service: hidden checks that students can run without having them."""
