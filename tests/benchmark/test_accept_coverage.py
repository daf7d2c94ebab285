"""Every brick and loss that promises a learning task has one."""

import pytest

from jetlego.benchmark.accept import find_tasks, tasks
from jetlego.bricks.homes import home_of
from jetlego.losses.registry import losses

PROMISED = {
    "feed-forward": "logistic mlp embed",
    "images": "convnet residual resnet densenet unet pixelcnn",
    "sequences": "rnn gru lstm language act seq2seq clockwork wavenet hm_rnn run_until select early_exit",
    "attention": "score pointer transformer",
    "memories": "ntm dnc mann memn2n kv_memory matching",
    "sets": "deepsets attention_pool set2set dtnn",
    "graphs": "mpnn adjacency edgeconv interaction",
    "trees": "recnn_simple recnn_gated tree_lstm tree_gru tree_scan tree_nin tree_attention top_down both_ways "
    "tree_leaves tree_decoder",
    "order": "soft_rank soft_sort soft_topk soft_quantile optnet",
    "pairs": "triangle_multiply triangle_attention msa_attention outer_product_mean ipa frames recycle",
    "losses": "pinball gaussian_nll mdn_nll flow_nll rejection_at soft01 soft_topk_loss spearman chamfer sinkhorn "
    "hungarian",
}


@pytest.mark.parametrize("name", [name for names in PROMISED.values() for name in names.split()])
def test_a_task_proves_it(name):
    assert name in home_of() or name in losses()
    assert find_tasks(name)


def test_tasks_prove_what_there_is():
    known = {*home_of(), *losses()}
    for item in tasks().values():
        assert set(item.bricks) - {item.name} <= known, item.name
