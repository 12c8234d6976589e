-- Each page of a PDF is a document of its own; those of one PDF share its bytes.
ALTER TABLE photos ADD COLUMN pdf_page INTEGER;      -- from 1; NULL for a picture
