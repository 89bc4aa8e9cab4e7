"""The benchmarks run on this machine too, at tiny sizes: rivals, recorded table, accelerator harness."""
