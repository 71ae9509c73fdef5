from __future__ import annotations

from pathlib import Path

import pytest

from harness.backends.openvino.facts import FACTS
from harness.backends.openvino.ir_xml import IrInput, IrXml, read_ir_xml, weights_type
from harness.errors import ModelError

XML = """<?xml version="1.0"?>
<net name="net" version="11">
  <layers>
    <layer id="0" name="x" type="Parameter" version="opset1">
      <data shape="1,?,224,3" element_type="f32" />
      <output><port id="0" precision="FP32" names="input,input:0"><dim>1</dim></port></output>
    </layer>
    <layer id="1" name="a" type="Const" version="opset1">
      <data element_type="i64" shape="4" offset="0" size="32" />
      <rt_info><attribute name="preprocessing" version="0" value="not the model's own" /></rt_info>
      <output><port id="0" names="not an input" /></output>
    </layer>
    <layer id="2" name="b" type="Const" version="opset1"><data element_type="f16" offset="40" size="60" /></layer>
    <layer id="3" name="c" type="Const" version="opset1"><data element_type="f32" offset="32" size="8" /></layer>
    <layer id="4" name="d" type="Pad" version="opset1"><data offset="900" size="900" /></layer>
  </layers>
  <rt_info>
    <MO_version value="2024.6" />
    <info name="OpenVINO Runtime" value="2026.4" />
    <conversion_parameters><mean_values value="input[1,2,3]" /></conversion_parameters>
    <harness><color value="BGR &amp; more" /></harness>
  </rt_info>
</net>
"""


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "net.xml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_what_is_read(tmp_path: Path) -> None:
    found = read_ir_xml(write(tmp_path, XML))
    assert (found.name, found.version) == ("net", "11")
    assert found.inputs == [IrInput(("input", "input:0"), (1, -1, 224, 3), "f32")]
    assert found.weights_end == 100
    assert found.constant_bytes == {"i64": 32, "f16": 60, "f32": 8}
    assert weights_type(found) == "f16"
    assert found.rt_info == {
        "MO_version": "2024.6",
        "OpenVINO Runtime": "2026.4",
        "conversion_parameters/mean_values": "input[1,2,3]",
        "harness/color": "BGR & more",
    }
    assert found.section("harness") == {"color": "BGR & more"}
    assert found.section("none") == {}


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({"i8": 60, "u8": 30, "f32": 80}, "int8"),
        ({"i8": 10, "f32": 80}, "f32"),
        ({"u8": 10, "i64": 80}, "int8"),
        ({"i64": 80}, None),
        ({}, None),
    ],
)
def test_the_weights_are_what_takes_most_bytes(sizes: dict[str, int], expected: str | None) -> None:
    assert weights_type(IrXml(constant_bytes=sizes)) == expected


def test_a_file_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    for length in range(0, len(XML.rstrip()), 7):
        with pytest.raises(ModelError, match=r"net\.xml: the IR is cut off, or not an IR"):
            read_ir_xml(write(tmp_path, XML[:length]))


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE net [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>',
        '<!DOCTYPE net SYSTEM "file:///etc/hostname">',
        '<!DOCTYPE net [<!ENTITY a SYSTEM "file:///etc/hostname">]>',
    ],
)
def test_entities_are_refused(tmp_path: Path, declaration: str) -> None:
    with pytest.raises(ModelError, match="document type declaration"):
        read_ir_xml(write(tmp_path, f'<?xml version="1.0"?>{declaration}<net name="&b;"></net>'))


@pytest.mark.parametrize("offset", ["-1", "x", ""])
def test_a_constant_without_a_valid_place_is_refused_with_its_line(tmp_path: Path, offset: str) -> None:
    with pytest.raises(ModelError, match=r"net\.xml:14: not an OpenVINO IR: a constant without a valid offset"):
        read_ir_xml(write(tmp_path, XML.replace('offset="32"', f'offset="{offset}"')))


def test_other_xml_a_missing_file_a_folder_and_bytes(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="it begins with <html>"):
        read_ir_xml(write(tmp_path, "<html></html>"))
    with pytest.raises(ModelError, match="cut off, or not an IR"):
        read_ir_xml(write(tmp_path, b"\xff\xd8\xff\x00"))
    with pytest.raises(ModelError, match="no such IR"):
        read_ir_xml(tmp_path / "none.xml")
    with pytest.raises(ModelError, match="cannot be read"):
        read_ir_xml(tmp_path)


_BODY = (
    '<layer id="9" name="l" type="If"><then_body><layers><layer id="1" type={}/></layers></then_body></layer></layers>'
)


@pytest.mark.parametrize(
    "written",
    [
        'type="Loop"',
        "type='Loop'",
        'type = "Loop"',
        'type=\n"TensorIterator"',
        'type="&#76;oop"',
        "type='LOOP'",  # as OpenVINO reads it
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_loop_is_recognised_however_it_is_written(tmp_path: Path, written: str, encoding: str) -> None:
    text = XML.removeprefix('<?xml version="1.0"?>\n').replace('type="Pad"', written)
    assert FACTS.has_loops(write(tmp_path, text.encode(encoding)))
    inside = _BODY.format(written.partition("=")[2])
    assert FACTS.has_loops(write(tmp_path, XML.replace("</layers>", inside, 1)))


@pytest.mark.parametrize("text", [XML, XML.replace('name="d"', 'name="Loop"'), XML[:300], "<!-- type='Loop' -->" + XML])
def test_what_only_mentions_a_loop_is_none(tmp_path: Path, text: str) -> None:
    assert not FACTS.has_loops(write(tmp_path, text))
    assert not FACTS.has_loops(tmp_path / "absent.xml")
