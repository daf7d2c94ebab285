"""The configuration of a run: what a user may write in YAML, with every default standing once, here.

Frozen pydantic models that refuse unknown keys. The ``model`` section is left to :func:`jetlego.build`, which knows
the bricks; everything else is checked in this file.
"""

from __future__ import annotations

import itertools
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from jetlego.errors import ConfigError

Algorithm = Literal["kt", "cambridge_aachen", "anti_kt", "random", "asc_pt", "desc_pt"]


class Section(BaseModel):
    """A part of the configuration: frozen, and a misspelt key is an error."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, protected_namespaces=(), allow_inf_nan=False
    )


class StreamConfig(Section):
    """Training on files that do not fit into memory: blocks of all files, shuffled; two pools of jets are held."""

    block: int = Field(1_000, ge=1, description="entries read in one go, about; more where baskets are larger")
    pool: int = Field(50_000, ge=1, description="jets among which those of a batch are drawn; two pools are held")
    workers: int = Field(1, ge=1, description="threads that read; the order of jets does not depend on it")
    fit_jets: int = Field(100_000, ge=1, description="training jets on which scaling and weights are fitted")


Bins = Annotated[int, Field(ge=1)] | Annotated[list[float], Field(min_length=2)]


class FlattenConfig(Section):
    """Weights of training jets that give every class the same spectrum in one or two variables."""

    columns: list[str] = Field(min_length=1, max_length=2, description="jet columns, or expressions of them")
    bins: list[Bins] = Field(min_length=1, max_length=2, description="of each: edges, or a number within shared range")
    method: Literal["flat", "ref"] = Field("flat", description="ref: every class like the first")
    threshold: float = Field(10.0, ge=0, le=100, description="percentile of bins at which weights are cut off")
    shares: dict[str, float] = Field({}, description="class -> relative sum of its weights; default: all alike")

    @model_validator(mode="after")
    def _bins_fit(self) -> FlattenConfig:
        if len(self.bins) != len(self.columns):
            raise ValueError(f"{len(self.bins)} bins for {len(self.columns)} columns")
        for name, edges in zip(self.columns, self.bins, strict=True):
            if isinstance(edges, list) and any(a >= b for a, b in itertools.pairwise(edges)):
                raise ValueError(f"the bin edges of {name} do not ascend")
        if any(share <= 0 for share in self.shares.values()):
            raise ValueError("shares must be positive")
        return self


class AugmentConfig(Section):
    """How training jets differ from epoch to epoch; see :class:`jetlego.data.augment.Augmentation`."""

    rotate: bool = Field(False, description="turn each jet about its axis")
    reflect: bool = Field(False, description="mirror every other jet")
    drop: float = Field(0.0, ge=0, lt=1, description="probability that a constituent is lost")
    smear_pt: float = Field(0.0, ge=0, description="relative width of the change of each momentum")
    smear_angle: float = Field(0.0, ge=0, description="GeV; a constituent's direction moves by this over its pT")


class DataConfig(Section):
    """Which jets, which classes, what is known of each constituent."""

    schema_: str = Field("auto", alias="schema", description="layout of the files, or auto")
    train: list[str] = Field(min_length=1, description="files, globs or sample:// names to learn from")
    val: list[str] = Field([], description="to choose the best epoch on; empty: a share of train")
    test: list[str] = Field([], description="for the final figures; empty: a share of train")
    weaver: str | None = Field(None, description="weaver data config, read unchanged: inputs, labels, cuts, weights")
    weaver_weights: Literal["sampling", "loss", "none"] | None = Field(
        None, description="what its weights do; default: as it says, accept training jets at random (sampling)"
    )
    classes: dict[str, str] = Field({}, description="class name -> truth branch, in output order; not with weaver")
    allow_missing_class: bool = Field(False, description="train even if a class has no training jet")
    signal: str | None = Field(None, description="class whose score is the tagger; default: the first")
    features: str | list[str] = Field("kin", description="a named feature set, or columns")
    nonfinite: Literal["error", "drop-particle", "drop-jet", "zero", "impute", "weaver"] = Field(
        "error", description="NaN and infinite values; weaver, the default with it: NaN is 0, infinities are clipped"
    )
    max_constituents: int | None = Field(None, ge=1, description="keep so many of the hardest of each jet")
    where: str | None = Field(None, description="keep only jets that fulfil this expression")
    max_jets: int | None = Field(None, ge=1, description="read at most this many jets a split")
    train_jets: int | None = Field(None, ge=1, description="learn from this many only; val and test stay whole")
    val_fraction: float = Field(0.1, gt=0, lt=1, description="share of train used where val is empty")
    test_fraction: float = Field(0.2, gt=0, lt=1, description="share of train used where test is empty")
    flatten_pt: bool = Field(False, description="weight training jets to one flat pT spectrum in every class")
    flatten: FlattenConfig | None = Field(None, description="the same in one or two variables of your choice")
    augment: AugmentConfig | None = Field(None, description="change training jets at random, anew each epoch")
    stream: StreamConfig | None = Field(None, description="read while training, in bounded memory; true: as by default")
    on_bad_file: Literal["error", "skip"] = Field("error", description="skip: leave out, warn, count in metrics.json")

    @model_validator(mode="before")
    @classmethod
    def _filled_in(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        data = dict(data)
        if isinstance(data.get("stream"), bool):
            data["stream"] = {} if data["stream"] else None
        if isinstance(data.get("weaver"), str) and not data.get("classes"):
            data["classes"] = weaver_classes(data["weaver"])
        if data.get("weaver") is not None:
            data.setdefault("nonfinite", "weaver")
        return data

    @model_validator(mode="after")
    def _has_classes(self) -> DataConfig:
        if len(self.classes) < 2:
            raise ValueError("classes: at least two are needed, {name: truth branch}")
        return self

    @model_validator(mode="after")
    def _flatten_fits(self) -> DataConfig:
        if self.flatten is not None and self.flatten_pt:
            raise ValueError("flatten_pt is a short form of flatten: give one of them")
        unknown = set(self.flatten.shares if self.flatten else ()) - set(self.classes)
        if unknown:
            raise ValueError(f"flatten.shares: {', '.join(sorted(unknown))} is none of {', '.join(self.classes)}")
        return self

    @property
    def flattening(self) -> FlattenConfig | None:
        """How training jets are weighted, the short form spelt out."""
        return FlattenConfig(columns=["jet_pt"], bins=[50], threshold=0.0) if self.flatten_pt else self.flatten

    @model_validator(mode="after")
    def _nonfinite_fits(self) -> DataConfig:
        if self.nonfinite == "weaver" and self.weaver is None:
            raise ValueError("nonfinite: weaver is the rule of data.weaver alone; choose error, zero, drop-jet, ...")
        if self.nonfinite == "impute" and self.weaver is not None:
            raise ValueError("nonfinite: impute is not for weaver, whose inputs are centered: choose zero")
        return self

    @model_validator(mode="after")
    def _augment_fits(self) -> DataConfig:
        if self.augment is not None and self.weaver is not None:
            raise ValueError("augment changes momenta, from which weaver's inputs are made while reading: use a schema")
        return self

    @model_validator(mode="after")
    def _signal_is_a_class(self) -> DataConfig:
        if self.signal is not None and self.signal not in self.classes:
            raise ValueError(f"signal '{self.signal}' is none of the classes {', '.join(self.classes)}")
        return self

    @property
    def signal_index(self) -> int:
        """Position of the signal class in the output."""
        return list(self.classes).index(self.signal) if self.signal is not None else 0


def weaver_classes(path: str) -> dict[str, str]:
    """Return {class: truth expression} of a weaver data config.

    Raises
    ------
    ConfigError
        What is wrong with the file; ``BAD-VALUE`` if its labels are no classes.
    """
    from jetlego.data.weaver import load_weaver_config

    spec = load_weaver_config(path).label_spec
    if not spec.simple:
        raise ConfigError("BAD-VALUE", f"{path}: labels of type custom are no classes", "use labels of type simple")
    return {name: expression.source.text for name, expression in spec.columns.items()}


class TreeConfig(Section):
    """How a jet's tree grows: the algorithm that reclusters it, and what each node knows."""

    algorithm: Algorithm = "kt"
    order: Literal["harder_left", "history"] = "harder_left"
    frame: Literal["lab", "recnn"] = Field("lab", description="recnn: rotated and boosted by the jet's kt subjets")
    features: str | list[str] | None = Field(None, description="node features; default: data.features")
    pairs: str | list[str] = Field([], description="node features of the common ancestor of each two constituents")
    targets: str | list[str] = Field([], description="node features, not scaled, from which heads learn")
    scaler: Literal["robust", "standard", "none"] = "robust"


class StructureConfig(Section):
    """What structure the model walks, one tree of each jet or several by name; none for models of sets."""

    tree: TreeConfig | None = None
    trees: dict[str, TreeConfig] = Field({}, description="name -> tree, for models that walk several")

    @model_validator(mode="after")
    def _one_way(self) -> StructureConfig:
        if self.tree is not None and self.trees:
            raise ValueError("give tree or trees, not both")
        return self

    @property
    def named_trees(self) -> dict[str, TreeConfig]:
        """All trees by name; a single one is called ``tree``."""
        return self.trees if self.tree is None else {"tree": self.tree}


class OptimizerConfig(Section):
    """How the weights move."""

    name: Literal["adamw", "adam", "sgd"] = "adamw"
    lr: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    betas: tuple[float, float] = (0.9, 0.999)


class ScheduleConfig(Section):
    """How the learning rate moves, as a factor on ``optimizer.lr`` over the whole run."""

    name: Literal["constant", "cosine", "one_cycle", "flat_decay"] = "one_cycle"
    warmup: float = Field(0.1, ge=0, lt=1, description="share of the steps spent rising")
    floor: float = Field(0.01, ge=0, le=1, description="factor at the end")


class TrainingConfig(Section):
    """The loop."""

    epochs: int = Field(10, ge=1)
    minutes: float | None = Field(
        None, gt=0, description="stop after so many CPU minutes of training, whatever the epochs"
    )
    validate_after: int = Field(
        1, ge=1, description="validate and save at the end of an epoch, so many steps after the last time at least"
    )
    batch_size: int = Field(256, ge=1)
    eval_batch_size: int = Field(1024, ge=1)
    optimizer: OptimizerConfig = OptimizerConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    loss: str | dict[str, Any] = "cross_entropy"
    gradient_clip: float | None = Field(1.0, gt=0)
    average: float | None = Field(None, gt=0, lt=1, description="decay of the weight average that is evaluated")
    select: Literal["auc", "loss", "accuracy"] = Field("auc", description="validation figure that picks the best epoch")
    seed: int = Field(1, ge=0)
    device: Literal["auto", "cpu", "cuda"] = "auto"
    devices: int = Field(1, ge=1)
    precision: Literal["32-true", "64-true", "bf16-mixed", "16-mixed"] = "32-true"
    threads: int | None = Field(None, ge=1, description="CPU threads; default: all cores")
    keep_checkpoints: int = Field(2, ge=2)
    max_bad_steps: int = Field(10, ge=1, description="consecutive non-finite losses before giving up")


class EvaluationConfig(Section):
    """What the report shows."""

    signal_efficiencies: list[float] = Field([0.3, 0.5], min_length=1)
    bootstrap: int = Field(200, ge=2, description="replicas behind each error")


class RunConfig(Section):
    """A whole run; ``config.yaml`` of the run folder holds it resolved."""

    name: str | None = Field(None, description="title of the report; default: the file's name")
    data: DataConfig
    structure: StructureConfig = StructureConfig()
    model: dict[str, Any]
    training: TrainingConfig = TrainingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()

    def resolved(self) -> dict[str, Any]:
        """Return plain data that :func:`~jetlego.training.load_config.parse_config` reads back unchanged."""
        return self.model_dump(mode="json", by_alias=True)
