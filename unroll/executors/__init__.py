"""Where stages run: as processes here, on a Ray cluster, or as jobs of Slurm."""
