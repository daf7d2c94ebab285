"""Every file format in, packed `Jets` out: schemas, expressions, features, scaling, the stream, the generator."""
