"""Head poses in images, videos and camera pictures: finding faces, following them, drawing and writing."""
