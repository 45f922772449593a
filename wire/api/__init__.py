"""What every JSON API says alike: views, strict input, problems, ETags, the OpenAPI document."""
