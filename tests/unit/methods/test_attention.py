from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from methods.layers.attention import (
    AttentionAwareLayer,
    SelfAttention,
    explicit_attention,
    fused_attention,
    macs,
)

TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}
FORMS = ["equation", "released"]


def layer(channels=16, partition=(4, 2), form="equation", fused=True, dtype=torch.float64, k=4):
    """A layer whose attention matters: gammas and logits far from zero."""
    torch.manual_seed(0)
    made = AttentionAwareLayer(channels, partition, form, k, fused).to(dtype)
    for attention in made.passes:
        nn.init.normal_(attention.project.weight, std=0.25)
        nn.init.uniform_(attention.gamma, 0.5, 1.5)
    return made


def together(height, width, partition):
    """Masks of the positions that may see each other, one per pass, from the permutations' words.

    One level P: first y and y' that share the fast index (y mod P), then those in one contiguous
    window (y div P). Two levels: the maps of shared y mod R go through one level of P, then
    windows of R. The same for x.
    """
    y, x = torch.arange(height).repeat_interleave(width), torch.arange(width).repeat(height)

    def same(rule):
        return (
            torch.stack([rule(y), rule(x)])
            .T.unsqueeze(1)
            .eq(torch.stack([rule(y), rule(x)]).T.unsqueeze(0))
            .all(-1)
        )

    if not partition:
        return [torch.ones(height * width, height * width, dtype=torch.bool)]
    if len(partition) == 1:
        (p,) = partition
        return [same(lambda i: i % p), same(lambda i: i // p)]
    r, p = partition
    within = same(lambda i: i % r)
    return [
        within & same(lambda i: (i // r) % p),
        within & same(lambda i: (i // r) // p),
        same(lambda i: i // r),
    ]


def masked_dense(made: AttentionAwareLayer, image):
    """The layer as dense attention over all positions, most of them masked away."""
    batch, channels, height, width = image.shape
    tokens = image.flatten(2).transpose(1, 2)
    for attention, mask in zip(made.passes, together(height, width, made.partition), strict=True):
        narrow, wide = attention.widths.query, attention.widths.value
        query, key, value = attention.project(tokens).split([narrow, narrow, wide], dim=-1)
        logits = (query @ key.transpose(1, 2)) * attention.scale
        affinity = logits.masked_fill(~mask, float("-inf")).softmax(-1)
        tokens = attention.gamma * attention.output(affinity @ value) + tokens
    return tokens.transpose(1, 2).reshape(batch, channels, height, width)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("partition", [(), (4,), (3,), (4, 2), (2, 3)])
def test_grouped_attention_equals_masked_dense_attention(partition, fused, form, dtype):
    made = layer(partition=partition, form=form, fused=fused, dtype=dtype)
    image = torch.randn(2, 16, 12 if 3 in partition else 16, 24, dtype=dtype)
    expected = masked_dense(made, image)
    error = (made(image) - expected).abs().max() / expected.abs().max()
    assert error < TOLERANCE[dtype]
    assert (expected - image).abs().max() > 0.1  # attention had a say


@pytest.mark.parametrize("positions", [4, 300])  # below and above the size worth fusing
@pytest.mark.parametrize("widths", [(8, 8), (4, 32)])
def test_fused_and_explicit_agree_in_values_and_gradients(widths, positions):
    torch.manual_seed(0)
    narrow, wide = widths
    shapes = [(3, positions, narrow), (3, positions, narrow), (3, positions, wide)]
    given = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    weight = torch.randn(3, positions, wide, dtype=torch.float64)
    explicit = explicit_attention(*given, 0.7)
    fused = fused_attention(*given, 0.7)
    torch.testing.assert_close(fused, explicit, rtol=0, atol=1e-10)
    for one, other in zip(
        torch.autograd.grad((fused * weight).sum(), given),
        torch.autograd.grad((explicit * weight).sum(), given),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


def test_more_groups_than_one_call_takes_are_split(monkeypatch):
    torch.manual_seed(0)
    query, key, value = (torch.randn(7, 5, 4, dtype=torch.float64) for _ in range(3))
    whole = fused_attention(query, key, value, 0.5)
    monkeypatch.setattr("methods.layers.affinity._MOST_GROUPS", 3)
    torch.testing.assert_close(fused_attention(query, key, value, 0.5), whole, rtol=0, atol=0)


@pytest.mark.parametrize("form", FORMS)
def test_fused_and_explicit_layers_agree_in_float32(form):
    image = torch.randn(1, 32, 64, 64)
    one = layer(32, (4,), form, fused=True, dtype=torch.float32)(image)
    other = layer(32, (4,), form, fused=False, dtype=torch.float32)(image)
    assert (one - other).abs().max() / other.abs().max() < 1e-5


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("fused", [False, True])
def test_gradcheck(form, fused):
    made = layer(4, (2, 2), form, fused, k=2)
    image = torch.randn(1, 4, 8, 4, dtype=torch.float64, requires_grad=True)
    names = [name for name, _ in made.named_parameters()]
    weights = [weight.detach().requires_grad_() for weight in made.parameters()]

    def run(image, *weights):
        return torch.func.functional_call(made, dict(zip(names, weights, strict=True)), (image,))

    assert torch.autograd.gradcheck(run, (image, *weights), fast_mode=True)


def test_a_new_layer_is_the_identity_and_its_gamma_learns_first():
    made = AttentionAwareLayer(16, (4, 2))
    image = torch.randn(1, 16, 16, 16)
    result = made(image)
    assert torch.equal(result, image)
    assert torch.equal(made.gamma, torch.zeros(3))
    (result * torch.randn_like(result)).sum().backward()
    for attention in made.passes:
        assert attention.gamma.grad != 0
        assert attention.project.weight.grad.count_nonzero() == 0


@pytest.mark.parametrize(("partition", "count"), [((), 5_201), ((8,), 10_402), ((8, 4), 15_603)])
def test_parameters_of_the_released_form(partition, count):
    made = AttentionAwareLayer(64, partition, "released")
    assert sum(weight.numel() for weight in made.parameters()) == count


def test_forms_differ_in_scaling_by_the_papers_d():
    # d = C / 2, whatever k is.
    assert SelfAttention(64, "equation", 8).scale == pytest.approx(32**-0.5)
    assert SelfAttention(64, "released", 8).scale == 1.0


@pytest.mark.parametrize(("partition", "gmac"), [((8,), 81.202), ((16,), 26.844), ((8, 4), 10.368)])
def test_macs_of_the_released_form_at_the_papers_size(partition, gmac):
    assert round(macs(64, 512, 512, partition, "released") / 1e9, 3) == gmac


@pytest.mark.parametrize("k", [1, 2, 4, 8])
def test_macs_of_the_equation_form_are_equations_9_and_11(k):
    c, n = 64, 128 * 96
    assert macs(c, 128, 96, (), "equation", k) == 4 * n * c**2 // k + 2 * n**2 * c // k
    p, q_inner = 8 * 8, 4 * 4  # positions in a window of either level
    q = n // p
    sparse = 2 * n**2 * c / k * (1 / p * (1 / q_inner + 1 / (q / q_inner)) + 1 / q)
    assert macs(c, 128, 96, (8, 4), "equation", k) == 12 * n * c**2 / k + sparse


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("partition", [(), (4,), (4, 2), (2, 2, 2)])
def test_macs_are_what_the_explicit_path_counts(partition, form):
    made = layer(16, partition, form, fused=False, dtype=torch.float32)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        made(torch.randn(1, 16, 16, 24))
    assert counter.get_total_flops() == 2 * macs(16, 16, 24, partition, form, 4)


def test_memory_format_is_kept_and_does_not_matter():
    made = layer(dtype=torch.float32)
    image = torch.randn(2, 16, 16, 8)
    last = made(image.contiguous(memory_format=torch.channels_last))
    assert last.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(last, made(image))


def test_a_map_that_cannot_be_divided_is_refused():
    with pytest.raises(ValueError, match="multiples of 8, not 16 x 12"):
        layer()(torch.randn(1, 16, 16, 12, dtype=torch.float64))
    with pytest.raises(ValueError, match="divide 12 channels by k = 8"):
        AttentionAwareLayer(12)
