"""Grades as files: what a spreadsheet, Canvas and Moodle get, and whose row each grade goes to."""

import contextlib
import csv
import io
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as some
from typer.testing import CliRunner

from grader.cli_export import export
from grader.course import Course
from grader.errors import GraderError
from grader.instructor import attempts
from grader.instructor import term as terms
from grader.instructor.attempts import Attempt
from grader.instructor.grades import Grade, Line
from grader.instructor.grading.batch import Batch
from grader.instructor.grading.gradebook import Gradebook
from grader.instructor.grading.local import Local
from grader.instructor.lateness import DAY, Lateness
from grader.instructor.platforms.export import cell, grades_csv, number, totals_csv
from grader.instructor.platforms.lms import canvas, moodle, says
from grader.instructor.platforms.matching import Matching, Template
from grader.instructor.roster import Student
from grader.instructor.term import Assignment, Term
from grader.results import CheckResult, ExerciseResult, Status
from grader.sandbox import isolation

TINY = Path(__file__).parent / "tiny"
DUE = datetime(2026, 11, 20, 23, 59, tzinfo=UTC)
EXERCISES = Course.load(TINY).exercises  # `add` and `mean`, core, worth 2 and 3
HW1 = Assignment("hw1", ("ch01",), DUE, 7)
RULE = Lateness(grace_minutes=10, per_day=0.1, days=3)

ADA = Student("ada", "Ada", "Lovelace", "ada@example.org", {"canvas_id": "101", "moodle_id": "m1"})
BEN = Student("ben", "Ben", "Ödegård", "ben@example.org", {"canvas_id": "102", "moodle_id": "m2"})
CY = Student("cy", "Cy", "Quick", "cy@example.org", {"canvas_id": "103", "moodle_id": ""})
TEACHERS = [ADA, BEN, CY]


def grade(student, earned=(2.0, 3.0), assignment=HW1, **facts):
    """A grade with these points for the two exercises; None for nobody's."""
    if earned is None:
        return Grade(student, assignment, tuple(map(Line, EXERCISES)))
    lines = tuple(Line(each, _result(each, points)) for each, points in zip(EXERCISES, earned, strict=True))
    return Grade(student, assignment, lines, received=DUE, graded=True, **facts)


def _result(exercise, points):
    most = sum(check.points for check in exercise.checks)
    check = CheckResult(exercise.checks[0].id, "A rule.", Status.FAILED, points, most)
    return ExerciseResult(exercise.id, exercise.kind, (check,))


def read(content, delimiter=","):
    text = content.decode("utf-8-sig")
    assert text.endswith("\r\n")
    assert "\n" not in text.replace("\r\n", "")
    return list(csv.DictReader(io.StringIO(text), delimiter=delimiter))


def template(folder, text, name="platform.csv", encoding="utf-8"):
    (folder / name).write_bytes(text.encode(encoding))
    return folder / name


# Cells


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠", " =", "\n="])
def test_no_cell_is_a_formula(sign):
    """What a spreadsheet would act on gets an apostrophe; the rest of the text stays as it is."""
    text = f'{sign}HYPERLINK("http://evil.example";"x")'

    assert cell(text) == f"'{text}"


@pytest.mark.parametrize(("value", "shown"), [(-0.5, "-0.5"), (-3, "-3"), (0.1 + 0.2, "0.3"), (7.0, "7"), (-0.0, "0"),
                                              (2 / 3, "0.6667"), (1e6, "1000000"), (None, "")])  # fmt: skip
def test_numbers_stay_numbers(value, shown):
    """Negative ones too, with a point, and without an exponent."""
    assert cell(value) == shown


@pytest.mark.parametrize("text", ["-", "-12,5", "+3", "100%", "", "a=b", "O'Neill"])
def test_harmless_text_stays(text):
    """A sign alone, a number that is written as text, and what only contains a sign."""
    assert cell(text) == text


@given(some.floats(-1e9, 1e9))
def test_every_number_can_be_read_again(value):
    assert float(number(value)) == pytest.approx(value, abs=5.1e-5)
    assert not number(value).endswith((".", "-0"))


# CSV


def test_a_line_has_all_that_is_known():
    """Ids, names, when it came, lateness, every exercise, sums."""
    late = grade(ADA, (2.0, 1.5), seconds_late=1.5 * DAY, penalty=0.7)

    (row,) = read(grades_csv([late], RULE))

    assert row == {
        "id": "ada", "last_name": "Lovelace", "first_name": "Ada", "email": "ada@example.org",
        "received": "2026-11-20T23:59:00Z", "late_days": "2", "penalty": "0.7",
        "ch01/first/add": "2", "ch01/first/mean": "1.5", "core": "3.5", "beyond": "0", "score": "2.8", "max_score": "5",
    }  # fmt: skip


def test_the_grace_is_not_late():
    (row,) = read(grades_csv([grade(ADA, seconds_late=300.0)], RULE))

    assert row["late_days"] == "0"


def test_who_handed_in_nothing_has_a_line_without_points():
    """Empty is not zero."""
    (row,) = read(grades_csv([grade(BEN, None)], RULE))

    assert (row["id"], row["received"], row["ch01/first/add"], row["score"], row["max_score"]) == (
        "ben",
        "",
        "",
        "",
        "5",
    )


def test_excel_and_python_read_the_names():
    content = grades_csv([grade(BEN)], RULE)

    assert content.startswith("\ufeffid,".encode())
    assert read(content)[0]["last_name"] == "Ödegård"


def test_names_cannot_do_anything():
    """Neither a formula nor what a terminal acts on; a comma or a quotation mark does not end a cell."""
    evil = Student("eve", '=cmd|"/c calc"!A1', "@x, \x1b[31m", "+1@x")

    (row,) = read(grades_csv([grade(evil)], RULE))

    assert row["first_name"] == '\'=cmd|"/c calc"!A1'
    assert row["last_name"] == "'@x, \\x1b[31m"
    assert row["email"] == "'+1@x"


def test_an_empty_class_has_a_header():
    assert read(grades_csv([], RULE)) == []


def test_totals_drop_the_lowest_share():
    """Each student's own worst one; a missing one is empty and counts as zero."""
    hw2 = Assignment("hw2", ("ch01",), DUE, 8)
    book = {
        "hw1": [grade(ADA, (2.0, 3.0)), grade(BEN, (1.0, 0.0))],
        "hw2": [grade(ADA, (0.0, 1.0), hw2), grade(BEN, None, hw2)],
    }

    whole = {row["id"]: (row["hw1"], row["hw2"], row["total"], row["max_total"]) for row in read(totals_csv(book, 0))}
    best = {row["id"]: (row["total"], row["max_total"]) for row in read(totals_csv(book, 1))}

    assert whole == {"ada": ("5", "1", "6", "10"), "ben": ("1", "", "1", "10")}
    assert best == {"ada": ("5", "5"), "ben": ("1", "5")}


def test_who_is_on_no_roster_counts_everywhere():
    """A stranger who handed in one assignment has the maximum of both."""
    hw2 = Assignment("hw2", ("ch01",), DUE, 8)
    stranger = Student("zed")

    rows = read(totals_csv({"hw1": [grade(ADA), grade(stranger)], "hw2": [grade(ADA, assignment=hw2)]}, 0))

    assert {row["id"]: (row["total"], row["max_total"]) for row in rows} == {"ada": ("10", "10"), "zed": ("5", "10")}


# Canvas

CANVAS = """\
Student,ID,SIS User ID,SIS Login ID,Section,Notes,hw1 (9001),hw2 (9002),Current Score
,,,,,,Manual Posting,,
    Points Possible,,,,,,{most},10,(read only)
"Lovelace, Ada",101,,login1,A,n,,7,1
"Ödegård, Ben",555,ben,login2,A,n,3,8,1
"Quick, Cy",777,,cy@example.org,B,n,1,9,1
"Student, Test",999,,abc,B,n,,,
"""


def in_canvas(folder, grades, most="5.00", **options):
    made = canvas(grades, template(folder, CANVAS.format(most=most)), **options)
    return read(made.content), made.notes


def test_canvas_gets_its_own_ids_back(tmp_path):
    """By ID, SIS id or login; only the assignment's column, which keeps its id, so that nothing else is overwritten."""
    rows, notes = in_canvas(tmp_path, [grade(ADA), grade(BEN, (1.0, 0.5)), grade(CY, (0.0, 0.0))])

    assert list(rows[0]) == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "hw1 (9001)"]
    assert rows[0]["Student"].strip() == "Points Possible"
    assert {row["ID"]: row["hw1 (9001)"] for row in rows[1:]} == {"101": "5", "555": "1.5", "777": "0"}
    assert notes == ("Rows left out, since they fit no student or more than one: Student, Test.",)


def test_without_a_grade_no_row(tmp_path):
    """A blank cell would erase what stands in Canvas."""
    rows, _ = in_canvas(tmp_path, [grade(ADA), grade(BEN, None), grade(CY)])

    assert [row["ID"] for row in rows[1:]] == ["101", "777"]


def test_canvas_maximum_scales(tmp_path):
    rows, notes = in_canvas(tmp_path, [grade(ADA), grade(BEN, (1.0, 0.5))], most='"100,00"')

    assert [row["hw1 (9001)"] for row in rows[1:]] == ["100", "30"]
    assert "The platform's maximum is 100 points, here it is 5: points are scaled." in notes


def test_canvas_with_semicolons_and_a_mark(tmp_path):
    """As Canvas writes it for a locale with decimal commas; the answer is in the same form."""
    text = "\ufeff" + CANVAS.format(most="5,00").replace(",", ";").replace("Lovelace;", "Lovelace,").replace(
        "5;00", "5,00"
    )
    path = template(
        tmp_path, text.replace("Ödegård;", "Ödegård,").replace("Quick;", "Quick,").replace("Student; T", "Student, T")
    )

    made = canvas([grade(ADA, (0.5, 0.0))], path)

    assert made.content.startswith(b"Student;ID;")
    assert [row["hw1 (9001)"] for row in read(made.content, ";")] == ["5,00", "0.5"]


def test_canvas_column_by_name(tmp_path):
    rows, _ = in_canvas(tmp_path, [grade(ADA)], column="hw2")

    assert rows[1]["hw2 (9002)"] == "10"  # there it is worth 10
    with pytest.raises(GraderError, match="no column for `hw3`"):
        in_canvas(tmp_path, [grade(ADA)], column="hw3")


def test_a_wrong_template_is_told(tmp_path):
    with pytest.raises(GraderError, match="no columns ID and Section"):
        canvas([grade(ADA)], template(tmp_path, "Identifier,Grade\nParticipant 1,3\n"))
    with pytest.raises(GraderError, match="no table"):
        canvas([grade(ADA)], template(tmp_path, ""))
    with pytest.raises(GraderError, match="not UTF-8"):
        canvas([grade(ADA)], template(tmp_path, CANVAS.format(most=5), encoding="latin-1"))


def test_canvas_without_a_template():
    """By canvas_id; who has none goes by email as login and without a name, since Canvas would guess by it."""
    emailed = Student("dee", "Dee", "Lovelace", "dee@example.org")
    nobody = Student("eve", "Eve", "Lovelace")

    made = canvas([grade(ADA), grade(emailed), grade(nobody), grade(CY, None)], None)

    rows = read(made.content)
    assert rows[0]["hw1"] == "5"
    assert [list(row.values()) for row in rows[1:]] == [
        ["Lovelace, Ada", "101", "ada@example.org", "", "5"],
        ["dee@example.org", "", "dee@example.org", "", "5"],
    ]
    assert made.notes == ("Left out, since students.csv has no canvas_id or email of: eve.",)
    with pytest.raises(GraderError, match="No student with a grade has a canvas_id or email"):
        canvas([grade(nobody)], None)


def test_what_canvas_parses():
    """As its importer reads a file: the header's first columns, `Section` before the first assignment, no mark."""
    content = canvas([grade(ADA)], None).content.decode()
    header = content.splitlines()[0].split(",")

    assert header[0] == "Student"
    assert header[1] == "ID"
    assert re.match(r"SIS\s+Login\s+ID", header[2])
    assert header[3] == "Section"


# Whose row it is


def matched(folder, text, students, keys=None):
    matching = Matching(
        Template.read(template(folder, text)),
        students,
        keys or {"id": ("canvas_id",), "email": ("email",), "sis": ("id",)},
    )
    return {row: student.id for row, student in matching.rows.items()}, matching.notes


def test_ids_that_contradict_are_left_out(tmp_path):
    rows, notes = matched(tmp_path, "Student,ID,Email\nX,101,ben@example.org\nY,102,ben@example.org\n", [ADA, BEN])

    assert rows == {1: "ben"}
    assert notes[0] == "Rows left out, since they fit no student or more than one: X."
    assert notes[1] == "Students without a row there: ada."


def test_one_student_in_two_rows_is_left_out(tmp_path):
    rows, _ = matched(tmp_path, "Student,ID,Email\nX,101,\nY,,ada@example.org\n", [ADA, BEN])

    assert rows == {}


def test_an_id_there_is_not_an_id_here(tmp_path):
    """Canvas's ID 101 is not the student whom the class calls 101."""
    with pytest.raises(GraderError, match="fits a student with a grade"):
        in_canvas(tmp_path, [grade(Student("101", "A", "B"))])


def test_a_namesake_takes_nothing_away(tmp_path):
    """Who is found by id keeps the row; another one of that name is left out."""
    rows, _ = matched(tmp_path, "Student,Sis\nAnn Example,ann\nAnn Example,other\n", [Student("ann", "Ann", "Example")])

    assert rows == {0: "ann"}


def test_a_name_alone_is_told(tmp_path):
    plain = Student("ann", "Ann", "Example")

    rows, notes = matched(tmp_path, 'Student,ID\n"EXAMPLE,  Ann",5\n"Other, Bo",6\n', [plain])

    assert rows == {0: "ann"}
    assert "Matched by name alone; look at these: ann." in notes


@pytest.mark.parametrize(
    ("text", "students"),
    [
        ('Student,ID\n"Example, Ann",5\n"Example, Ann",6\n', [Student("ann", "Ann", "Example")]),
        ('Student,ID\n"Example, Ann",5\n', [Student("ann", "Ann", "Example"), Student("ann2", "Ann", "Example")]),
        ('Student,Email\n"Example, Ann",ann@two.example\n', [Student("ann", "Ann", "Example", "ann@one.example")]),
    ],
    ids=["two rows", "two students", "another email"],
)
def test_a_name_is_no_proof(tmp_path, text, students):
    """Namesakes get nothing, and somebody with another email is a namesake."""
    assert matched(tmp_path, text, students)[0] == {}


def test_emails_are_known_in_every_language(tmp_path):
    rows, _ = matched(
        tmp_path, "Vorname,Nachname,E-Mail-Adresse\nA,L,ADA@example.org \nB,O,ben@example.org\n", [ADA, BEN]
    )

    assert rows == {0: "ada", 1: "ben"}


@given(some.lists(some.lists(some.text(max_size=8), max_size=4), max_size=6))
def test_whatever_stands_in_a_template(tmp_path_factory, rows):
    """It is read or refused in a sentence."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    path = template(tmp_path_factory.mktemp("any"), text.getvalue(), encoding="utf-8-sig")

    with contextlib.suppress(GraderError):
        assert set(Matching(Template.read(path), TEACHERS, {"id": ("canvas_id",)}).rows.values()) <= {*TEACHERS}


# Moodle

WORKSHEET = """\
Identifier,Full name,Email address,Status,Grade,Maximum Grade,Grade can be changed,\
Last modified (grade),Feedback comments
Participant 11,Ada Lovelace,ada@example.org,Submitted,,{most},Yes,-,old
Participant 12,Ben Ödegård,BEN@example.org,Submitted,1.00,{most},Yes,"Monday, 2 November 2026, 1:00 PM",
Participant 13,Somebody Else,else@example.org,No submission,,{most},Yes,-,
"""
GRADEBOOK = """\
First name,Last name,ID number,Email address,\
Assignment: hw1 (Real),Assignment: hw2 (Real),Last downloaded from this course
Ada,Lovelace,m1,ada@example.org,-,7.00,1795000000
Ben,Ödegård,,ben@example.org,-,8.00,1795000000
"""


def test_a_worksheet_comes_back_whole(tmp_path):
    """Moodle wants all its columns; only the grade is another."""
    made = moodle([grade(ADA), grade(BEN, (0.5, 0.0)), grade(CY)], template(tmp_path, WORKSHEET.format(most="5.00")))

    before, after = (
        read(made.content.replace(b"\n", b"\n")),
        list(csv.DictReader(io.StringIO(WORKSHEET.format(most="5.00")))),
    )
    assert list(before[0]) == list(after[0])
    assert [(row["Identifier"], row["Grade"], row["Feedback comments"]) for row in before] == [
        ("Participant 11", "5", "old"),
        ("Participant 12", "0.5", ""),
    ]
    assert before[1]["Last modified (grade)"] == "Monday, 2 November 2026, 1:00 PM"
    assert before[0]["Last modified (grade)"] == "-"
    assert made.notes == (
        "Rows left out, since they fit no student or more than one: Somebody Else.",
        "Students without a row there: cy.",
    )


def test_a_worksheet_for_blind_marking(tmp_path):
    """Without names, people are known by the number that Moodle gave them for this assignment."""
    text = "Identifier,Status,Grade,Last modified (grade)\nParticipant 4711,x,,-\nParticipant 4712,x,,-\n"
    known = Student("ada", "Ada", "Lovelace", "ada@example.org", {"moodle_id": "4712"})

    rows = read(moodle([grade(known)], template(tmp_path, text)).content)

    assert [(row["Identifier"], row["Grade"]) for row in rows] == [("Participant 4712", "5")]


def test_a_worksheet_scales_and_warns(tmp_path):
    """Moodle passes over what is above the maximum without a word."""
    extra = grade(BEN, (2.0, 4.0))

    made = moodle([grade(ADA, (1.0, 1.5)), extra], template(tmp_path, WORKSHEET.format(most="100.00")))

    assert [row["Grade"] for row in read(made.content)] == ["50", "120"]
    assert made.notes[0] == "The platform's maximum is 100 points, here it is 5: points are scaled."
    assert made.notes[1] == "Above the maximum, which Moodle's worksheet passes over: ben."


def test_feedback_is_written_where_asked(tmp_path):
    late = grade(ADA, (1.0, 1.5), late_says="1 day late: 10% of the points earned", penalty=0.25)

    rows = read(moodle([late], template(tmp_path, WORKSHEET.format(most="5")), feedback=True).content)

    assert rows[0]["Feedback comments"] == "2.5 of 5 points. 1 day late: 10% of the points earned."
    with pytest.raises(GraderError, match="no column for `Feedback comments`"):
        text = WORKSHEET.format(most="5").replace("Feedback comments", "Other")
        moodle([late], template(tmp_path, text), feedback=True)


def test_what_is_said_about_a_grade():
    assert says(grade(ADA)) == "5 of 5 points."


def test_moodle_gradebook_has_only_this_grade(tmp_path):
    """Who somebody is and the grade; ID numbers go, since one is blank: Moodle would give that row to the one above."""
    made = moodle([grade(ADA), grade(BEN, (1.0, 0.0))], template(tmp_path, GRADEBOOK))

    rows = read(made.content)
    assert list(rows[0]) == ["Email address", "Last downloaded from this course", "Assignment: hw1 (Real)"]
    assert [list(row.values()) for row in rows] == [
        ["ada@example.org", "1795000000", "5"],
        ["ben@example.org", "1795000000", "1"],
    ]
    assert made.notes == ("Give Moodle's grade item a maximum of 5.",)


def test_nobody_gets_a_row_without_an_id(tmp_path):
    text = "First name,Last name,ID number,hw1\nAda,Lovelace,m1,\nCy,Quick,,\n"

    made = moodle([grade(ADA), grade(CY)], template(tmp_path, text))

    assert [list(row.values()) for row in read(made.content)] == [["m1", "5"]]
    assert "Left out, since `ID number` is blank there: cy." in made.notes


def test_moodle_without_a_template():
    made = moodle([grade(ADA), grade(BEN), grade(Student("eve", "Eve", "X")), grade(CY)], None, feedback=True)

    rows = read(made.content)
    assert list(rows[0]) == ["First name", "Last name", "Email address", "hw1", "hw1 (Feedback)"]
    assert [row["Email address"] for row in rows] == ["ada@example.org", "ben@example.org", "cy@example.org"]
    assert made.notes[1:] == ("Left out, since students.csv has no email of: eve.",)


def test_more_than_moodle_takes(tmp_path):
    made = moodle([grade(ADA, (60.0, 60.0))], None)

    assert "More than 100 points need `unlimitedgrades` in Moodle's site settings." in made.notes


def test_nobody_fits(tmp_path):
    with pytest.raises(GraderError, match=r"No row of .* fits a student with a grade") as caught:
        moodle([grade(Student("zed"))], template(tmp_path, WORKSHEET.format(most=5)))
    assert "Students without a row there: zed." in caught.value.hint


def test_formulas_of_a_platform_stay_harmless(tmp_path):
    """A name that somebody chose there does not become a formula on its way through."""
    text = WORKSHEET.format(most="5").replace("Ada Lovelace", '"=HYPERLINK(""http://evil.example"")"')

    rows = read(moodle([grade(ADA)], template(tmp_path, text)).content)

    assert rows[0]["Full name"].startswith("'=HYPERLINK")


# The commands, on a class that was really graded


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """Ada is right, Ben half wrong and a day late, Cy handed in nothing."""
    if isolation.missing_for_strict():
        pytest.skip("no strict level here")
    root = tmp_path_factory.mktemp("class")
    lines = ["id,first_name,last_name,email,canvas_id", "ada,Ada,Lovelace,ada@example.org,101",
             "ben,Ben,Ödegård,ben@example.org,102", "cy,Cy,Quick,cy@example.org,103"]  # fmt: skip
    (root / "students.csv").write_text("\n".join(lines), "utf-8")
    terms.create(root / "term", TINY, root / "students.csv")
    term = terms.add_assignment(Term.load(root / "term"), HW1)
    terms.add_assignment(term, Assignment("hw2", ("ch01",), None, 8))
    hand_in(term, "ada", lambda text: text, DUE)
    hand_in(term, "ben", lambda text: text.replace("a + b", "a - b"), DUE.replace(day=21))
    with Gradebook.open(term) as book:
        book.register(HW1)
        book.follow_rules(HW1)
        batch = Batch(book, HW1, lambda verdict: book.commit(HW1, verdict))
        batch.run(batch.pending(), Local(1))
    return term.root


def hand_in(term, student, change, received):
    section = term.course.sections[0]
    source = change(section.solution.read_text()).encode()
    attempts.keep(term, Attempt(student, "hw1", received, {section.path: source}))


def run(*arguments):
    app = typer.Typer()
    app.add_typer(export, name="export")
    result = CliRunner().invoke(app, ["export", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def test_csv_command(graded):
    code, said, _ = run("csv", "hw1", "--class", graded)

    rows = {row["id"]: row for row in read((graded / "exports" / "hw1.csv").read_bytes())}
    assert code == 0
    assert str(graded / "exports" / "hw1.csv") in said
    assert "Next: open it in a spreadsheet." in said
    assert {id: row["score"] for id, row in rows.items()} == {"ada": "5", "ben": "2.7", "cy": ""}
    assert (rows["ben"]["late_days"], rows["ben"]["penalty"], rows["ben"]["ch01/first/add"]) == ("1", "0.3", "0")


def test_zeros_where_asked(graded, tmp_path):
    run("csv", "hw1", "--missing", "zero", "--out", tmp_path / "x.csv", "--class", graded)

    assert {row["id"]: row["score"] for row in read((tmp_path / "x.csv").read_bytes())}["cy"] == "0"


def test_totals_command(graded, tmp_path):
    """An assignment of which nothing is graded does not count, and that is told."""
    code, said, _ = run("csv", "--totals", "--out", tmp_path / "t.csv", "--class", graded)

    assert code == 0
    assert "Not counted, since nothing of it is graded: hw2." in said
    assert [
        (row["id"], row["hw1"], row["total"], row["max_total"]) for row in read((tmp_path / "t.csv").read_bytes())
    ] == [
        ("ada", "5", "5", "5"),
        ("cy", "", "0", "5"),
        ("ben", "2.7", "2.7", "5"),
    ]


def test_the_same_grades_make_the_same_bytes(graded, tmp_path):
    for name in ("a", "b"):
        run("csv", "hw1", "--out", tmp_path / name, "--class", graded)

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_canvas_command(graded, tmp_path):
    """Notes and what to do next are printed; the file is in the class's exports."""
    path = template(tmp_path, CANVAS.format(most="5"))

    code, said, _ = run("canvas", "hw1", "--template", path, "--class", graded)

    rows = read((graded / "exports" / "hw1-canvas.csv").read_bytes())
    assert code == 0
    assert [row["hw1 (9001)"] for row in rows] == ["5", "5", "2.7"]
    assert "Student, Test." in said
    assert "Grades > Import" in said


def test_moodle_command(graded, tmp_path):
    path = template(tmp_path, WORKSHEET.format(most="5"))

    code, said, _ = run("moodle", "hw1", "--template", path, "--missing", "zero", "--class", graded)

    rows = read((graded / "exports" / "hw1-moodle.csv").read_bytes())
    assert code == 0
    assert [row["Grade"] for row in rows] == ["5", "2.7"]
    assert "Upload grading" in said


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["csv"], "Either one assignment, or all."),
        (["csv", "hw1", "--totals"], "Either one assignment, or all."),
        (["csv", "hw9"], "There is no assignment `hw9`"),
        (["canvas", "hw1", "--template", "nowhere.csv"], "nowhere.csv cannot be read"),
    ],
)
def test_slips_are_told(graded, arguments, problem):
    code, _, said = run(*arguments, "--class", graded)

    assert code == 2
    assert problem in " ".join(said.split())


def test_waiting_for_a_grade_is_no_zero(graded, tmp_path):
    """What is handed in and not graded is told, and never written as zero."""
    shutil.copytree(graded, tmp_path / "term")
    text = (tmp_path / "term" / "class.toml").read_text()
    hand_in(Term.load(tmp_path / "term"), "cy", lambda text: text, DUE)

    code, said, _ = run("csv", "hw1", "--class", tmp_path / "term")
    zero = run("csv", "hw1", "--missing", "zero", "--class", tmp_path / "term")

    assert code == 0
    assert "Handed in for hw1, not graded, and so without a grade here: cy." in said
    assert zero[0] == 2
    assert "Handed in for hw1 and not graded: cy. That is no zero." in zero[2]
    assert (tmp_path / "term" / "class.toml").read_text() == text
