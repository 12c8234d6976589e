#!/usr/bin/env python3
"""Trains the pixel model on what `claimlens eval DIR --teach-pixels LESSONS` wrote, and writes it as ONNX.

    python3 -m venv target/train && target/train/bin/pip install torch==2.15.0 numpy==2.4.6 onnx==1.23.2
    target/train/bin/python scripts/train/pixels.py LESSONS models/pixels.onnx

The net is fully convolutional: planes [1, 9, H, W] in, log-odds [1, 1, H/4, W/4] out. A cell is judged by what its
features are, and by how they differ from the window's mean in units of its standard deviation: "unlike its line".
"""

import argparse
import csv
import pathlib
import time

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

PLANES, HEIGHT, WIDTH, CELL = 9, 48, 192, 4
BLANK = 255
EPSILON = 1e-3


def block(inputs, outputs, dilation=1):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fine = nn.Sequential(block(PLANES * 4, 24), block(24, 24))
        self.coarse = nn.Sequential(block(24, 40), block(40, 40), block(40, 40, 2))
        self.head = nn.Sequential(nn.Conv2d(80, 48, 1), nn.ReLU(), nn.Conv2d(48, 1, 1))

    def forward(self, planes):
        x = nn.functional.pixel_unshuffle(planes / 64, 2)
        x = self.coarse(nn.functional.avg_pool2d(self.fine(x), 2))
        mean = x.mean((2, 3), keepdim=True)
        spread = ((x - mean) ** 2).mean((2, 3), keepdim=True)
        return self.head(torch.cat([x, (x - mean) / (spread + EPSILON).sqrt()], 1))


def folded(conv, norm):
    """Weights and bias of a convolution with its batch normalisation in it."""
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return (conv.weight * scale[:, None, None, None]).detach().numpy(), (norm.bias - norm.running_mean * scale).detach().numpy()


def export(net, path):
    nodes, weights = [], []

    def constant(name, value):
        weights.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype=np.float32), name))
        return name

    def add(op, inputs, output, **attributes):
        nodes.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    def convolve(x, name, weight, bias, dilation=1, relu=True):
        size = weight.shape[2]
        pad = dilation * (size // 2)
        inputs = [x, constant(name + ".w", weight), constant(name + ".b", bias)]
        x = add("Conv", inputs, name, kernel_shape=[size, size], pads=[pad] * 4, dilations=[dilation] * 2)
        return add("Relu", [x], name + ".relu") if relu else x

    # PyTorch's pixel_unshuffle orders channels [C, 2, 2], ONNX's SpaceToDepth [2, 2, C].
    order = np.arange(PLANES * 4).reshape(PLANES, 4).T.reshape(-1)
    x = add("SpaceToDepth", ["planes"], "apart", blocksize=2)
    for i, part in enumerate(net.fine):
        weight, bias = folded(part[0], part[1])
        if i == 0:
            weight = weight[:, order] / 64
        x = convolve(x, f"fine{i}", weight, bias)
    x = add("AveragePool", [x], "pooled", kernel_shape=[2, 2], strides=[2, 2])
    for i, part in enumerate(net.coarse):
        x = convolve(x, f"coarse{i}", *folded(part[0], part[1]), dilation=part[0].dilation[0])
    mean = add("GlobalAveragePool", [x], "mean")
    off = add("Sub", [x, mean], "off")
    square = add("Mul", [off, off], "square")
    spread = add("Add", [add("GlobalAveragePool", [square], "spread"), constant("epsilon", EPSILON)], "spread.epsilon")
    unlike = add("Div", [off, add("Sqrt", [spread], "scale")], "unlike")
    x = add("Concat", [x, unlike], "both", axis=1)
    first, last = net.head[0], net.head[2]
    x = convolve(x, "head0", first.weight.detach().numpy(), first.bias.detach().numpy())
    convolve(x, "odds", last.weight.detach().numpy(), last.bias.detach().numpy(), relu=False)
    graph = helper.make_graph(
        nodes,
        "pixels",
        [helper.make_tensor_value_info("planes", TensorProto.FLOAT, [1, PLANES, "height", "width"])],
        [helper.make_tensor_value_info("odds", TensorProto.FLOAT, [1, 1, "rows", "columns"])],
        weights,
    )
    model = helper.make_model(graph, producer_name="claimlens", opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    onnx.save(model, path)


def area_under_curve(scores, truth):
    order = np.argsort(scores, kind="stable")
    ranks = np.empty(len(scores))
    ranks[order] = np.arange(1, len(scores) + 1)
    positive = truth.sum()
    return (ranks[truth].sum() - positive * (positive + 1) / 2) / max(positive * (len(scores) - positive), 1)


def varied(x):
    """As other cameras and scanners might have taken it: the lab has few."""
    count = len(x)
    some = lambda share: (torch.rand(count, 1, 1, 1) < share).float()
    x[:, :4] *= torch.exp2((torch.rand(count, 4, 1, 1) - 0.5) * 0.8)
    # Grey pictures.
    x[:, 2:4] *= 1 - some(0.2)
    # Scans with their paper clipped to white: nothing but print differs from what is around.
    paper = (x[:, :1] > -10).float() * some(0.2)
    x[:, :4] *= 1 - paper
    x[:, :2] += torch.randn(count, 2, HEIGHT, WIDTH) * torch.tensor([4.0, 10.0])[:, None, None] * torch.rand(count, 1, 1, 1) * some(0.3)
    return x


def load(folders):
    planes, labels, chains, photos, before = [], [], [], [], 0
    for folder in map(pathlib.Path, folders):
        rows = list(csv.DictReader(open(folder / "lessons.csv", encoding="utf-8")))
        planes.append(np.fromfile(folder / "planes.i8", np.int8).reshape(-1, PLANES, HEIGHT, WIDTH))
        labels.append(np.fromfile(folder / "labels.u8", np.uint8).reshape(-1, HEIGHT // CELL, WIDTH // CELL))
        assert len(rows) == len(planes[-1]) == len(labels[-1])
        chains += [row["chain"] for row in rows]
        photos += [int(row["photo"]) + before for row in rows]
        before = max(photos) + 1
    return np.concatenate(planes), np.concatenate(labels), np.array(chains), np.array(photos)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("lessons", nargs="+", help="folders of lessons")
    arguments.add_argument("out", help="the ONNX file")
    arguments.add_argument("--epochs", type=int, default=8)
    arguments.add_argument("--batch", type=int, default=48)
    arguments.add_argument("--seed", type=int, default=1)
    arguments = arguments.parse_args()
    torch.manual_seed(arguments.seed)
    rng = np.random.default_rng(arguments.seed)
    planes, labels, chains, photos = load(arguments.lessons)
    # One photo in ten is kept apart, to see how training goes; the product is measured on other specimens altogether.
    apart = rng.permutation(photos.max() + 1)[: (photos.max() + 1) // 10]
    test = np.isin(photos, apart)
    train = np.flatnonzero(~test)
    altered = (labels == 1).sum((1, 2)) > 0
    print(f"{len(train)} lessons, {altered[train].sum()} with altered cells; {test.sum()} kept apart", flush=True)

    net = Net()
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-2)
    # Most lessons show nothing altered: of those, each epoch takes another half.
    rich, poor = train[altered[train]], train[~altered[train]]
    batches = (len(rich) + len(poor) // 2) // arguments.batch
    steps = arguments.epochs * batches
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps, pct_start=0.2)
    for epoch in range(arguments.epochs):
        start, total = time.time(), 0.0
        net.train()
        order = rng.permutation(np.concatenate([rich, rng.choice(poor, len(poor) // 2, replace=False)]))
        for i in range(batches):
            some = np.sort(order[i * arguments.batch : (i + 1) * arguments.batch])
            x = torch.from_numpy(planes[some]).float()
            y = torch.from_numpy(labels[some])
            x = varied(x)
            # The evidence of saves is often missing.
            x[torch.rand(len(some)) < 0.15, 4] = 0
            x[torch.rand(len(some)) < 0.15, 5:7] = 0
            if rng.random() < 0.5:
                x, y = x.flip(3), y.flip(2)
            if rng.random() < 0.5:
                x, y = x.flip(2), y.flip(1)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                odds = net(x)[:, 0]
            odds, truth = odds.float(), (y == 1).float()
            weight = torch.where(y == BLANK, 0.0, 1.0 + 5.0 * truth)
            loss = nn.functional.binary_cross_entropy_with_logits(odds, truth, weight, reduction="sum") / weight.sum().clamp(min=1)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
        net.eval()
        told, truths, of = [], [], []
        with torch.no_grad():
            for some in np.array_split(np.flatnonzero(test), max(test.sum() // 64, 1)):
                odds = net(torch.from_numpy(planes[some]).float())[:, 0].numpy()
                seen = labels[some] != BLANK
                told.append(odds[seen])
                truths.append(labels[some][seen] == 1)
                of.append(np.repeat(chains[some], seen.sum((1, 2))))
        told, truths, of = map(np.concatenate, (told, truths, of))
        curves = " ".join(
            f"{chain} {area_under_curve(told[of == chain], truths[of == chain]):.3f}" for chain in sorted(set(of))
        )
        print(f"epoch {epoch + 1}: loss {total / batches:.4f}, {time.time() - start:.0f} s; area under curve {curves}", flush=True)
        export(net, arguments.out)
    check(net, arguments.out, planes[np.flatnonzero(test)[:1]])


def check(net, path, planes):
    """The written file answers as the trained net does."""
    from onnx.reference import ReferenceEvaluator

    x = torch.from_numpy(planes).float()
    with torch.no_grad():
        want = net(x).numpy()
    got = ReferenceEvaluator(path).run(None, {"planes": x.numpy()})[0]
    print(f"largest difference from the file written: {np.abs(want - got).max():.2e}")
    assert np.abs(want - got).max() < 1e-2


if __name__ == "__main__":
    main()
