"""What comes out when one part of the method is changed at a time, over several seeds."""
