"""The side `Keras on JAX`: the network in keras.layers, compiled, and trained by train_on_batch."""

import os
import time
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"

import jax
import keras
import numpy as np
from keras import layers

from tests.benchmarks.rivals.channel import serve

held: dict[str, Any] = {}


def unit(x: Any, shape: dict[str, Any], name: str, outputs: int, kernel: int = 1, stride: int = 1, **how: bool) -> Any:
    """Convolution, BatchNorm, activation."""
    if how.get("depthwise"):
        x = layers.DepthwiseConv2D(kernel, stride, "same", use_bias=False, name=f"{name}.kernel")(x)
    else:
        x = layers.Conv2D(outputs, kernel, stride, "same", use_bias=False, name=f"{name}.kernel")(x)
    x = layers.BatchNormalization(momentum=shape["kept"], epsilon=shape["epsilon"], name=f"{name}.norm")(x)
    return x if how.get("linear") else layers.Activation("swish")(x)


def network(shape: dict[str, Any]) -> keras.Model:
    """From images to logits, layers named by the arrays of effscale."""
    if shape["padding"] != "same":
        raise ValueError(f"Keras pads as TensorFlow does, not {shape['padding']!r}")
    images = keras.Input((shape["resolution"], shape["resolution"], 3))
    x = unit(images, shape, "stem", shape["stem"], 3, 2)
    for number, block in enumerate(shape["blocks"]):
        name, inner, y = f"blocks.{number}", block["inner"], x
        if inner != block["inputs"]:
            y = unit(y, shape, f"{name}.expand", inner)
        y = unit(y, shape, f"{name}.depthwise", inner, block["kernel"], block["stride"], depthwise=True)
        gate = layers.GlobalAveragePooling2D(keepdims=True)(y)
        gate = layers.Conv2D(block["squeezed"], 1, activation="swish", name=f"{name}.excite.reduce")(gate)
        gate = layers.Conv2D(inner, 1, activation="sigmoid", name=f"{name}.excite.expand")(gate)
        y = unit(layers.Multiply()([y, gate]), shape, f"{name}.project", block["outputs"], linear=True)
        x = layers.Add()([x, y]) if x.shape == y.shape else y
    x = layers.GlobalAveragePooling2D()(unit(x, shape, "head", shape["head"]))
    return keras.Model(images, layers.Dense(shape["classes"], name="classifier")(x))


def fill(model: keras.Model, arrays: dict[str, np.ndarray]) -> None:
    """Weights from arrays named as effscale names them."""
    for layer in model.layers:
        match layer.name.rpartition("."):
            case (_, _, "norm"):
                layer.set_weights([arrays[f"{layer.name}.{part}"] for part in ("scale", "bias", "mean", "var")])
            case (_, _, "reduce" | "expand"):
                matrix = arrays[layer.name]
                layer.set_weights([matrix[None, None], arrays[f"{layer.name}_bias"]])
            case (_, _, "kernel"):
                kernel = arrays[layer.name]
                turned = isinstance(layer, layers.DepthwiseConv2D)
                layer.set_weights([kernel.transpose(0, 1, 3, 2) if turned else kernel])
            case (_, _, "classifier"):
                layer.set_weights([arrays["classifier.kernel"], arrays["classifier.bias"]])


def load(path: str, shape: dict[str, Any], recipe: dict[str, Any], steps: int) -> dict[str, Any]:
    """Images, labels and weights of a file, with one description of the network and one of the training."""
    if recipe["optimizer"] != "sgd" or recipe["schedule"] != "constant":
        raise ValueError("this rival trains by SGD at a constant rate")
    arrays = dict(np.load(path))
    held["images"], held["labels"] = arrays.pop("images"), arrays.pop("labels")
    model = network(shape)
    fill(model, arrays)
    model.compile(
        optimizer=keras.optimizers.SGD(recipe["learning_rate"], momentum=recipe["momentum"]),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    held["model"] = model
    return {"version": f"keras {keras.__version__}, jax {jax.__version__}"}


def epoch(rows: list[list[int]]) -> dict[str, float]:
    """Train on these batches; seconds, and the mean of the losses, which Keras answers one by one."""
    model = held["model"]
    batches = [(held["images"][row], held["labels"][row]) for row in rows]
    start = time.perf_counter()
    losses = [model.train_on_batch(images, labels) for images, labels in batches]
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "loss": float(np.mean(losses))}


if __name__ == "__main__":
    serve({"load": load, "epoch": epoch})
