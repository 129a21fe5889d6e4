"""What runs teach: lessons, reviews, trends, proposals, versions of a document."""
