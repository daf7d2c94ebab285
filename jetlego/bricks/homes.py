"""Where each brick lives: one line a module, so that a look-up imports that module alone.

Whoever adds a brick adds its name here; a test compares this table with what the modules really register.
"""

from __future__ import annotations

HOMES = {
    "jetlego.bricks.recursive.recnn": "recnn_simple recnn_gated",
    "jetlego.bricks.recursive.tree_lstm": "tree_lstm",
    "jetlego.bricks.recursive.tree_gru": "tree_gru tree_scan",
    "jetlego.bricks.recursive.tree_nin": "tree_nin",
    "jetlego.bricks.recursive.tree_attention": "tree_attention",
    "jetlego.bricks.recursive.top_down": "top_down both_ways tree_leaves",
    "jetlego.bricks.recursive.embedding": "recursive",
    "jetlego.models.flow_networks": "pfn efn",
    "jetlego.models.particle_net": "particle_net particle_net_lite",
    "jetlego.models.particle_transformer": "particle_transformer particle_transformer_small plain_transformer",
    "jetlego.models.message_passing": "mpnn_tagger jedi_net",
    "jetlego.models.set_tagger": "set_tagger",
    "jetlego.models.lund": "lund_sequence lund_net",
    "jetlego.bricks.recursive.declusterings": "history_sequence",
    "jetlego.models.graph_tagger": "graph_tagger",
    "jetlego.bricks.recursive.tree_bias": "tree_bias",
    "jetlego.bricks.recursive.tree_decoder": "tree_decoder",
    "jetlego.bricks.recursive.event_gru": "event_gru",
    "jetlego.models.event_tagger": "event_tagger",
    "jetlego.models.recursive_tagger": "recursive_tagger",
    "jetlego.models.tree_transformer": "tree_transformer",
    "jetlego.models.node_tagger": "node_tagger",
    "jetlego.models.forest_tagger": "forest_tagger",
    "jetlego.bricks.norms": "batch_norm",
    "jetlego.bricks.feedforward": "logistic mlp embed standardise",
    "jetlego.bricks.readout": "pool attention_pool set2set dtnn quantiles",
    "jetlego.bricks.sets": "deepsets",
    "jetlego.bricks.attention": "score attention",
    "jetlego.bricks.ot": "soft_rank soft_sort soft_topk soft_quantile",
    "jetlego.bricks.qp": "optnet",
    "jetlego.bricks.recurrent": "rnn gru lstm",
    "jetlego.bricks.language": "language",
    "jetlego.bricks.memory.ntm": "ntm",
    "jetlego.bricks.memory.dnc": "dnc",
    "jetlego.bricks.memory.mann": "mann",
    "jetlego.bricks.memory.memn2n": "memn2n",
    "jetlego.bricks.memory.key_value": "kv_memory",
    "jetlego.bricks.memory.matching": "matching",
    "jetlego.bricks.act": "act",
    "jetlego.bricks.seq2seq": "seq2seq",
    "jetlego.bricks.transformer": "transformer cross latents",
    "jetlego.bricks.class_attention": "class_attention",
    "jetlego.bricks.decoder": "transformer_decoder",
    "jetlego.bricks.messages": "message_linear message_node_mlp message_mlp message_edge_matrix message_edgeconv "
    "message_attention message_gin",
    "jetlego.bricks.mpnn": "mpnn update_gru update_residual_mlp update_overwrite",
    "jetlego.bricks.adjacency": "adjacency adjacency_mix adjacency_knn",
    "jetlego.bricks.pointer": "pointer",
    "jetlego.bricks.convert": "broadcast pixelise order patches flatten",
    "jetlego.bricks.chain": "chain",
    "jetlego.bricks.conv": "conv image_pool global_pool convnet",
    "jetlego.bricks.conv1d": "conv1d",
    "jetlego.bricks.residual": "residual",
    "jetlego.bricks.resnet": "resnet resnet34",
    "jetlego.bricks.densenet": "densenet densenet121",
    "jetlego.bricks.unet": "unet",
    "jetlego.bricks.temporal": "clockwork wavenet",
    "jetlego.bricks.hm_rnn": "hm_rnn",
    "jetlego.bricks.pixel": "pixelcnn",
    "jetlego.bricks.edgeconv": "edgeconv",
    "jetlego.bricks.pairs": "pair_features pair_bias",
    "jetlego.bricks.interaction": "interaction bipartite_interaction",
    "jetlego.bricks.pyg": "message_pyg",
    "jetlego.bricks.triangle": "triangle_multiply triangle_attention pair_transition",
    "jetlego.bricks.rows": "msa_attention outer_product_mean",
    "jetlego.bricks.evoformer": "evoformer rows first_row",
    "jetlego.bricks.frames": "frames",
    "jetlego.bricks.structure": "ipa structure",
    "jetlego.bricks.recycle": "recycle",
    "jetlego.bricks.assembly": "assembly",
    "jetlego.models.jet_assembly": "jet_assembly",
    "jetlego.bricks.heads": "gaussian_head mdn_head flow_head mask_head heat_map_head choice_head",
    "jetlego.bricks.pair_heads": "edge_head lca_head merge_decoder",
}
"""Module -> the bricks it registers, separated by blanks. Modules are imported by name on first look-up, since
the box may not know the rooms to its right (``jetlego.models``)."""


def home_of() -> dict[str, str]:
    """Return {brick name: module} of the whole table."""
    return {name: module for module, names in HOMES.items() for name in names.split()}
