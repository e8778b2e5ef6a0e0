"""The processes of the platform; they never import each other and talk only through topics."""
