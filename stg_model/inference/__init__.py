"""From a trained model to segments, heatmaps, points and prelabels."""
