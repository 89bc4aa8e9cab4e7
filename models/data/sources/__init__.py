"""Where registered images come from: folders, `.npz` files, Parquet."""
