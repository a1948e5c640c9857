"""`python -m figures [NAME …]`: draw the figures and write them beside their lessons."""

import argparse

from figures import ROOT, draw, names


def main() -> None:
    known = names()
    parser = argparse.ArgumentParser(prog="python -m figures", description="Draw the figures of the lessons.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="one of " + ", ".join(known) + "; none means all")
    wanted = parser.parse_args().names
    if unknown := [name for name in wanted if name not in known]:
        parser.error(f"no figure is called {', '.join(unknown)}; there are {', '.join(known)}")

    for name in wanted or known:
        svg, path = draw(name), known[name]
        same = path.exists() and path.read_bytes() == svg
        path.write_bytes(svg)
        print(f"{'unchanged' if same else 'written':9}  {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
