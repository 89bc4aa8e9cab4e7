"""What the form for a new search is laid out by: order, labels, units, and words that the schema lacks."""

# What the form has no control for: where a hypervolume begins is for comparisons between searches, and lists of
# networks are for files (`effscale submit --warm-start`, `--latency-table`). A search that is copied brings them along,
# and says so in these words.
CARRIED = {
    "/reference": "where its hypervolume begins",
    "/warm_start/enqueue": "networks to try first ({})",
    "/warm_start/trials": "results known before ({})",
    "/target/table": "measured latencies ({})",
    "/target/baseline_ms": "the baseline's latency",
}
OMITTED = (*CARRIED, "/start/sha256")  # the service fills in the weights' SHA-256
# Labels and units; the order is the order on the page. (pointer, label, unit)
BASICS = (
    ("/name", "Name", ""),
    ("/dataset", "Data set", ""),
    ("/baseline", "Baseline", ""),
    ("/target/metric", "Cost that counts", ""),
    ("/target/ratio", "Target cost", "× baseline"),
    ("/target/tolerance", "Tolerance", "relative"),
    ("/target/value", "or: absolute cost", "in its unit"),
    ("/target/at_most", "or: at most", "in its unit"),
    ("/target/at_least_share", "and at least", "of that"),
    ("/limits", "Further ceilings", ""),
    ("/metric", "Figure that counts", ""),
    ("/trials", "Trials", "networks"),
    ("/recipe/epochs", "Epochs", "per training"),
)
MORE = (
    (
        "Where to look",
        (
            ("/space/alpha", "α, depth", ""),
            ("/space/beta", "β, width", ""),
            ("/space/gamma", "γ, resolution", ""),
            ("/phi", "φ, compound step", ""),
            ("/space/resolution_multiple", "Resolution multiple", "px"),
            ("/space/depth_rounding", "Depth rounding", ""),
        ),
    ),
    (
        "How to look",
        (
            ("/objectives", "Objectives", ""),
            ("/sampler/name", "Sampler", ""),
            ("/sampler/startup_trials", "Random start", "trials"),
            ("/sampler/window", "Results count after", "trials"),
            ("/sampler/step", "Step of the grid", ""),
            ("/warm_start/searches", "Learn from searches", ""),
            ("/pruner/name", "Pruner", ""),
            ("/pruner/min_epochs", "No pruning before", "epochs"),
            ("/pruner/reduction_factor", "Reduction factor", "×"),
            ("/finalists/count", "Finalists", "networks"),
            ("/finalists/seeds", "Seeds per finalist", "trainings"),
            ("/finalists/max_seeds", "In a race, up to", "seeds"),
            ("/controls", "Compare with simple choices", ""),
            ("/decision", "Of what ties, name", ""),
            ("/minimum_gain", "Gain that matters", "fraction"),
            ("/transfer/phi", "Probe at φ", ""),
            ("/transfer/count", "Finalists probed", "networks"),
            ("/transfer/seeds", "Seeds per probe", "trainings"),
            ("/measure_latency", "Measure latency of", "networks"),
        ),
    ),
    (
        "Training recipe",
        (
            ("/recipe/preset", "Preset", ""),
            ("/recipe/batch_size", "Batch size", "images"),
            ("/recipe/optimizer", "Optimizer", ""),
            ("/recipe/momentum", "Momentum", ""),
            ("/recipe/learning_rate", "Learning rate", ""),
            ("/recipe/schedule", "Schedule", ""),
            ("/recipe/decay_rate", "Decay", "× a stair"),
            ("/recipe/decay_epochs", "Length of a stair", "epochs"),
            ("/recipe/warmup_epochs", "Warm-up", "epochs"),
            ("/recipe/clip_norm", "Gradient clipping", "norm"),
            ("/recipe/ema_decay", "Weight averaging", ""),
            ("/recipe/bn_momentum", "BatchNorm momentum", ""),
            ("/recipe/bn_statistics", "BatchNorm statistics", ""),
            ("/recipe/recalibration_batches", "BatchNorm recalibration", "batches"),
            ("/recipe/class_weights", "Class weights", ""),
            ("/recipe/balanced_sampling", "Draw classes equally often", ""),
            ("/recipe/precision", "Precision", ""),
        ),
    ),
    (
        "Against overfitting",
        (
            ("/recipe/dropout", "Dropout", ""),
            ("/recipe/drop_path", "Stochastic depth", ""),
            ("/recipe/weight_decay", "Weight decay", ""),
            ("/recipe/weight_decay_on", "Weight decay on", ""),
            ("/recipe/label_smoothing", "Label smoothing", ""),
            ("/recipe/selection", "Epoch that counts", ""),
            ("/recipe/patience", "Patience", "epochs"),
            ("/recipe/patience_delta", "Better by at least", "accuracy"),
        ),
    ),
    (
        "Augmentation",
        (
            ("/recipe/shift_px", "Random shift", "px"),
            ("/recipe/flip", "Random flip", ""),
            ("/recipe/crop_area", "Random crop", "of the area"),
            ("/recipe/policy", "Random operations", ""),
            ("/recipe/policy_magnitude", "Their strength", ""),
            ("/recipe/erasing", "Random erasing", "of images"),
            ("/recipe/mixup", "Mixup", "α"),
            ("/recipe/cutmix", "CutMix", "α"),
        ),
    ),
    (
        "Weights to start from",
        (
            ("/start/weights", "Weights", ""),
            ("/start/layout", "Layout of the file", ""),
            ("/start/grow", "Grow a smaller parent", ""),
            ("/recipe/frozen_stages", "Frozen stages", "from the stem"),
            ("/recipe/frozen_norm", "Frozen BatchNorm", ""),
            ("/recipe/layer_decay", "Rate by layer", "× a stage"),
        ),
    ),
    (
        "Budget and order",
        (
            ("/parallelism", "Parallel trials", ""),
            ("/max_device_seconds", "Training time limit", "s"),
            ("/priority", "Priority", ""),
            ("/seed", "Seed", ""),
            ("/reuse", "Reuse equal trainings", ""),
            ("/labels", "Labels", ""),
        ),
    ),
)
# Words for what the schema leaves to the contract.
HELP = {
    "/controls": "`all`, `none`, or some of baseline, depth, width, resolution, equal, paper, with commas: each is "
    "trained on the finals' common seeds, and the result says what the answer gains over it.",
    "/name": "Shown in lists; may be left empty.",
    "/baseline": "A network that the service knows, or a stage table of your own.",
    "/target/ratio": "Relative to the baseline at φ = 0: below 1 for smaller networks; empty means 2^φ.",
    "/limits": "One `metric=number` a line: `macs`, `params`, `activations`, `weight_bytes`, `memory_bytes`.",
    "/target/metric": "`macs` are multiply-adds of the network that is really built; `product` is the paper's α β² γ². "
    "`latency_ms` needs a table of measured networks: `effscale submit --latency-table`.",
    "/space/alpha": "Lowest and highest depth coefficient; both empty: they follow from the target.",
    "/space/beta": "Lowest and highest width coefficient; both empty: they follow from the target.",
    "/space/gamma": "Lowest and highest resolution coefficient; both empty: they follow from the target.",
    "/recipe/preset": "Fills in the whole recipe, which you may change then.",
    "/start/weights": "Registered with `effscale weights add NAME FILE`; the same for all networks.",
    "/sampler/name": "`tpe`, `gp`, `nsga2` and `nsga3` learn from results; `random`, `qmc` and `grid` do not.",
    "/warm_start/searches": "Ids of your earlier searches, one a line: the sampler learns from their results.",
    "/objectives": "With commas between: `accuracy`, then costs to be low: `macs`, `params`, `activations`, "
    "`latency_ms`, `peak_memory_bytes`.",
    "/transfer/phi": "Do the best finalists still win at another φ? Empty: not asked.",
    "/seed": "The same seed proposes the same networks.",
    "/labels": "One `key=value` a line.",
}
# What an empty field means.
EMPTY = {
    "/target/ratio": "2^φ",
    "/target/value": "by ratio",
    "/target/at_most": "by ratio",
    "/space/alpha": "auto",
    "/space/beta": "auto",
    "/space/gamma": "auto",
    "/max_device_seconds": "no limit",
    "/sampler/startup_trials": "a third of the trials",
    "/sampler/window": "a third of the trials",
    "/finalists/count": "3, or all trials",
    "/finalists/max_seeds": "no race",
    "/space/depth_rounding": "baseline's",
    "/recipe/preset": "none",
    "/recipe/dropout": "baseline's",
    "/recipe/drop_path": "baseline's",
    "/start/weights": "random ones",
    "/transfer/phi": "no probe",
}
