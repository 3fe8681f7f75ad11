"""The published files of GroundingYouTube: kept byte for byte, checked, repaired and compared."""
