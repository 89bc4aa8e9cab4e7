"""Numbers into networks and networks into numbers. Knows JAX; knows no study, SQL or HTTP.

Rooms, each importing only those before it:

    scaling       coefficients, stage tables, rounding, cost: standard library only, so that the API plans without JAX
    recipe        what a training recipe may say, and what it means for one network
    data          from images on disk to arrays in memory
    native        kernels for CPUs in C++
    compiler      compiled programs kept on disk, each compiled once
    augmentation  what happens to images on the device
    layers        Flax NNX modules of a network
    weights       weight files and checkpoints, start weights, growth
    training      steps, epochs, measurements
"""
