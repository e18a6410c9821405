"""Warping and projecting equal what their definitions say, pixel by pixel."""

from math import floor

import pytest
import torch
from torch.autograd import gradcheck

from methods.layers.warp import adaptive_warp, backward_warp, fill_holes, project_flow

pytestmark = pytest.mark.usefixtures("one_thread")


def random(*shape, seed=0, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(*shape, generator=generator, dtype=torch.float64)


def smooth_flow(batch, height, width, seed=0):
    """Flows whose positions stay away from the integers, where the floor jumps."""
    generator = torch.Generator().manual_seed(seed)
    whole = torch.randint(-2, 3, (batch, 2, height, width), generator=generator)
    part = 0.2 + 0.6 * torch.rand(batch, 2, height, width, generator=generator)
    return (whole + part).double()


def project_by_loop(flow, weight):
    """Bao et al. 2019, section 3.2: each landing pixel gives to its four neighbours."""
    batch, _, height, width = flow.shape
    numerator = torch.zeros_like(flow)
    denominator = torch.zeros_like(weight)
    for b in range(batch):
        for row in range(height):
            for column in range(width):
                x, y = (
                    (column + flow[b, 0, row, column]).item(),
                    (row + flow[b, 1, row, column]).item(),
                )
                if not (0 <= x <= width - 1 and 0 <= y <= height - 1):
                    continue
                for j in (floor(y), floor(y) + 1):
                    for i in (floor(x), floor(x) + 1):
                        if j < height and i < width:
                            share = weight[b, 0, row, column]
                            numerator[b, :, j, i] -= share * flow[b, :, row, column]
                            denominator[b, 0, j, i] += share
    holes = denominator == 0
    return torch.where(holes, 0, numerator / denominator.masked_fill(holes, 1)), holes


def adaptive_by_loop(image, flow, kernels):
    batch, _, height, width = image.shape
    result = torch.zeros_like(image)
    for b in range(batch):
        for row in range(height):
            for column in range(width):
                x = min(max(column + flow[b, 0, row, column].item(), 0), width - 1)
                y = min(max(row + flow[b, 1, row, column].item(), 0), height - 1)
                a, c = x - floor(x), y - floor(y)
                for j in range(4):
                    for i in range(4):
                        factor = (a if i >= 2 else 1 - a) * (c if j >= 2 else 1 - c)
                        at_x = min(max(floor(x) - 1 + i, 0), width - 1)
                        at_y = min(max(floor(y) - 1 + j, 0), height - 1)
                        tap = kernels[b, 4 * j + i, row, column]
                        result[b, :, row, column] += factor * tap * image[b, :, at_y, at_x]
    return result


def fill_by_loop(flow, holes):
    filled = flow.clone()
    batch, _, height, width = flow.shape
    for b in range(batch):
        for row in range(height):
            for column in range(width):
                if not holes[b, 0, row, column]:
                    continue
                found = []
                for dy, dx in ((0, -1), (0, 1), (-1, 0), (1, 0)):
                    y, x = row + dy, column + dx
                    while 0 <= y < height and 0 <= x < width:
                        if not holes[b, 0, y, x]:
                            found.append(flow[b, :, y, x])
                            break
                        y, x = y + dy, x + dx
                filled[b, :, row, column] = torch.stack(found).mean(0) if found else 0
    return filled


# Backward warping


def test_no_flow_gives_the_image_back():
    image = random(2, 3, 7, 9)
    torch.testing.assert_close(backward_warp(image, torch.zeros(2, 2, 7, 9).double()), image)


def test_integer_flow_is_a_roll_away_from_the_border():
    image = random(1, 2, 12, 15)
    flow = torch.tensor([2.0, -3.0], dtype=torch.float64).view(1, 2, 1, 1).expand(1, 2, 12, 15)
    warped = backward_warp(image, flow)
    rolled = image.roll((3, -2), dims=(2, 3))
    torch.testing.assert_close(warped[..., 3:, :-2], rolled[..., 3:, :-2])


def test_half_a_pixel_is_the_mean_of_two_neighbours():
    image = random(1, 1, 5, 6)
    flow = torch.zeros(1, 2, 5, 6, dtype=torch.float64)
    flow[:, 0] = 0.5
    expected = (image[..., :-1] + image[..., 1:]) / 2
    torch.testing.assert_close(backward_warp(image, flow)[..., :-1], expected)


def test_positions_outside_read_the_border():
    image = random(1, 1, 4, 5)
    flow = torch.full((1, 2, 4, 5), 100.0, dtype=torch.float64)
    expected = image[..., -1:, -1:].expand_as(image)
    torch.testing.assert_close(backward_warp(image, flow), expected)


def test_one_pixel_image_can_be_warped():
    image = torch.full((1, 1, 1, 1), 0.25)
    assert backward_warp(image, torch.ones(1, 2, 1, 1)).item() == 0.25


# Flow projection


def test_projection_equals_a_worked_example():
    """One row of four pixels; weights decide where two of them meet.

    Pixel 0 (flow 1.5) lands at 1.5 and gives to 1 and 2; pixel 1 (flow 0) stays and
    gives to 1 and 2; pixel 2 (flow 1) lands at 3, whose right neighbour does not exist;
    pixel 3 (flow 5) leaves the image. Nothing reaches point 0.
    """
    flow = torch.zeros(1, 2, 1, 4, dtype=torch.float64)
    flow[0, 0, 0] = torch.tensor([1.5, 0.0, 1.0, 5.0])
    weight = torch.tensor([3.0, 1.0, 2.0, 7.0], dtype=torch.float64).view(1, 1, 1, 4)
    projected, holes = project_flow(flow, weight)
    expected = torch.tensor([0.0, -(3 * 1.5) / 4, -(3 * 1.5) / 4, -1.0], dtype=torch.float64)
    torch.testing.assert_close(projected[0, 0, 0], expected)
    assert projected[0, 1].abs().max() == 0
    assert holes.flatten().tolist() == [True, False, False, False]


@pytest.mark.parametrize("scale", [0.7, 3.0])
def test_projection_equals_the_double_loop(scale):
    flow, weight = random(2, 2, 9, 11, scale=scale), random(2, 1, 9, 11, seed=1).exp()
    projected, holes = project_flow(flow, weight)
    expected, expected_holes = project_by_loop(flow, weight)
    torch.testing.assert_close(projected, expected, rtol=1e-10, atol=1e-10)
    assert torch.equal(holes, expected_holes)
    assert holes.any()


def test_no_motion_projects_to_no_motion_without_holes():
    projected, holes = project_flow(torch.zeros(1, 2, 6, 8), torch.rand(1, 1, 6, 8) + 0.1)
    assert projected.abs().max() == 0
    assert not holes.any()


def test_uniform_motion_projects_to_its_opposite():
    flow = torch.tensor([1.25, -0.5]).view(1, 2, 1, 1).expand(1, 2, 10, 10)
    projected, holes = project_flow(flow, torch.rand(1, 1, 10, 10) + 0.1)
    torch.testing.assert_close(projected, torch.where(holes, 0, -flow))


def test_where_two_pixels_meet_the_more_important_one_wins():
    flow = torch.zeros(1, 2, 1, 4)
    flow[0, 0, 0, 0] = 2.0
    weight = torch.tensor([1e6, 1.0, 1.0, 1.0]).view(1, 1, 1, 4)
    assert project_flow(flow, weight)[0][0, 0, 0, 2].item() == pytest.approx(-2, abs=1e-4)


def test_projection_gradients_for_flow_values_and_weights():
    flow = smooth_flow(2, 5, 6).requires_grad_()
    weight = (random(2, 1, 5, 6, seed=2).abs() + 0.5).requires_grad_()
    assert gradcheck(lambda f, w: project_flow(f, w)[0], (flow, weight))


def test_holes_take_the_mean_of_their_nearest_valid_neighbours():
    flow, weight = random(2, 2, 9, 11, scale=4), random(2, 1, 9, 11, seed=1).exp()
    projected, holes = project_flow(flow, weight)
    filled = fill_holes(projected, holes)
    torch.testing.assert_close(filled, fill_by_loop(projected, holes))
    assert torch.equal(filled.masked_fill(holes, 0), projected)


def test_a_frame_of_holes_stays_at_rest():
    holes = torch.ones(1, 1, 3, 3, dtype=torch.bool)
    assert fill_holes(torch.zeros(1, 2, 3, 3), holes).abs().max() == 0


# Adaptive warping


@pytest.mark.parametrize("channels", [1, 5])
def test_adaptive_warp_equals_the_double_loop(channels):
    image, kernels = random(2, channels, 8, 10), random(2, 16, 8, 10, seed=1)
    flow = random(2, 2, 8, 10, seed=2, scale=3)  # some positions lie outside
    warped = adaptive_warp(image, flow, kernels)
    expected = adaptive_by_loop(image, flow, kernels)
    torch.testing.assert_close(warped, expected, rtol=1e-10, atol=1e-10)


def test_inner_taps_of_one_make_a_bilinear_warp():
    image, flow = random(2, 3, 9, 7), random(2, 2, 9, 7, seed=1, scale=2)
    kernels = torch.zeros(2, 16, 9, 7, dtype=torch.float64)
    kernels[:, [5, 6, 9, 10]] = 1
    torch.testing.assert_close(adaptive_warp(image, flow, kernels), backward_warp(image, flow))


def test_adaptive_warp_in_single_precision():
    image, kernels = random(1, 2, 20, 20), random(1, 16, 20, 20, seed=1)
    flow = smooth_flow(1, 20, 20)
    exact = adaptive_warp(image, flow, kernels)
    single = adaptive_warp(image.float(), flow.float(), kernels.float()).double()
    assert (single - exact).norm() / exact.norm() < 1e-5


def test_adaptive_warp_gradients():
    image, kernels = random(2, 2, 3, 4), random(2, 16, 3, 4, seed=1)
    flow = smooth_flow(2, 3, 4)
    inputs = tuple(tensor.requires_grad_() for tensor in (image, flow, kernels))
    assert gradcheck(adaptive_warp, inputs)


def test_adaptive_warp_does_not_depend_on_the_memory_format():
    image, kernels, flow = random(2, 4, 6, 9), random(2, 16, 6, 9, seed=1), smooth_flow(2, 6, 9)
    other = [t.contiguous(memory_format=torch.channels_last) for t in (image, flow, kernels)]
    assert torch.equal(adaptive_warp(image, flow, kernels), adaptive_warp(*other))
