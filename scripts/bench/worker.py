"""Reads the pictures named on standard input with a peer, as it comes: one JSON array a picture, [corners, text] a line."""

import json
import sys


def rapidocr():
    from rapidocr import RapidOCR

    one = {f"EngineConfig.onnxruntime.{kind}_op_num_threads": 1 for kind in ("intra", "inter")}
    ocr = RapidOCR(params={"Global.log_level": "error", **one})

    def read(path):
        result = ocr(path)
        return [] if result.boxes is None else [[box.tolist(), text] for box, text in zip(result.boxes, result.txts)]

    return read


def faster_paddle():
    from faster_paddle import OcrEngine

    ocr = OcrEngine(model_size="small", threads=1)

    def read(path):
        with open(path, "rb") as file:
            bounds = ocr.ocr(file.read())["bounds"].values()
        corners = [(line["topLeftCoord"], line["bottomRightCoord"], line["text"]) for line in bounds]
        return [[[[l, t], [r, t], [r, b], [l, b]], text] for (l, t), (r, b), text in corners]

    return read


if __name__ == "__main__":
    read = {"rapidocr": rapidocr, "faster-paddle": faster_paddle}[sys.argv[1]]()
    for path in sys.stdin:
        print(json.dumps(read(path.rstrip("\n"))), flush=True)
