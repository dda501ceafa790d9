"""Write the generated parts of the documentation: `python -m reference`."""

from reference.pages import PAGES, generated

for page in PAGES:
    page.write_text(generated(page))
